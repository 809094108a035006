// Browsers. A page or worker runs the suite and reports to the lab's server: all that is asked of a driver is to open an address.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, output, until } from './lab.js';

/** Under puppeteer, Chromium and Firefox are one thing. */
const puppet = (browser, variable, args) => async (lab) => {
  const { default: puppeteer } = await import('puppeteer-core');
  const executablePath = process.env[variable];
  if (!executablePath) throw new Error(`${variable} must name the browser`);
  const launched = await puppeteer.launch({ browser, executablePath, args, headless: true });
  lab.atEnd(() => launched.close());
  const version = (await launched.version()).replace(/^[^\d]*/, '');
  return {
    version,
    async visit(url, until) {
      const page = await launched.newPage();
      try {
        await page.goto(url);
        return await until;
      } finally {
        await page.close();
      }
    },
  };
};

export const chromium = puppet('chrome', 'CHROMIUM', [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
]);
export const firefox = puppet('firefox', 'FIREFOX', []);

/** WebKitGTK, Safari's engine, by the WebDriver protocol alone. It needs a screen, which Xvfb pretends to be. */
export async function webkit(lab) {
  const { WEBKIT_DRIVER, XVFB } = process.env;
  if (!WEBKIT_DRIVER || !XVFB) throw new Error('WEBKIT_DRIVER and XVFB must name the programs');
  const port = await freePort();
  // The number of the display that it found free is written to its third descriptor.
  const screen = spawn(XVFB, ['-displayfd', '3', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  const display = await new Promise((resolve, reject) => {
    screen.once('exit', () => reject(new Error('Xvfb did not start')));
    screen.stdio[3].once('data', (data) => resolve(`:${String(data).trim()}`));
  });
  // The sandbox needs namespaces, which containers refuse; the pages are ours.
  const env = { ...process.env, DISPLAY: display, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1', WEBKIT_DISABLE_COMPOSITING_MODE: '1' };
  const driver = spawn(WEBKIT_DRIVER, [`--port=${port}`], { env, stdio: 'ignore' });
  const ask = async (method, path, body) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, ...(body && { body: JSON.stringify(body) }) });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`WebDriver: ${value.message || value.error}`);
    return value;
  };
  await until(() => ask('GET', '/status'));
  const browserOptions = { binary: (await output('find', ['/usr/lib', '/usr/libexec', '-name', 'MiniBrowser', '-print', '-quit'])).trim(), args: ['--automation'] };
  const { sessionId, capabilities } = await ask('POST', '/session', { capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': browserOptions } } });
  lab.atEnd(async () => {
    await ask('DELETE', `/session/${sessionId}`).catch(() => {});
    driver.kill();
    screen.kill();
  });
  return {
    version: capabilities.browserVersion,
    async visit(url, report) {
      await ask('POST', `/session/${sessionId}/url`, { url });
      try {
        return await report;
      } finally {
        await ask('POST', `/session/${sessionId}/url`, { url: 'about:blank' });
      }
    },
  };
}

/** What a page at `path` reports, with `folders` served; `lost` names what may be asked for in vain. */
export async function visit(lab, browser, folders, path, { policy, lost = [] } = {}) {
  const { visit: open } = await lab.once(browser, () => browser(lab));
  const server = await lab.serve(folders, policy);
  try {
    const outcome = await open(server.origin + path, server.outcome);
    const missed = server.missed.filter((asked) => !lost.some((end) => asked.endsWith(end)));
    if (missed.length > 0) throw new Error(`not found: ${missed.join(', ')}`);
    return outcome;
  } finally {
    server.close();
  }
}

/** The modules as they are installed, no bundler: as a page, a dedicated worker or a service worker, under a strict Content-Security-Policy. */
export const plain = (browser, place) => async (lab) => {
  const outcome = await visit(lab, browser, [lab.folder], `/plain/index.html?in=${place}`, { policy: await policy(lab) });
  return { version: (await lab.once(browser)).version, ...outcome };
};

/** Nothing but what lies on the own server, WebAssembly, and the page's import map. */
async function policy(lab) {
  const page = await readFile(join(lab.folder, 'plain/index.html'), 'utf8');
  const [, map] = /<script type="importmap">(.*?)<\/script>/s.exec(page);
  const hash = createHash('sha256').update(map).digest('base64');
  return `default-src 'none'; script-src 'self' 'wasm-unsafe-eval' 'sha256-${hash}'; worker-src 'self'; connect-src 'self'; img-src 'self'`;
}
