// Browsers, as `{ version, tab }`: `tab(url)` opens an address and gives a page that takes keys and clicks. For the suite it is enough to open it: a page or
// worker runs it and reports to the lab's server.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, output, until } from './lab.js';

/** A desktop's. */
const VIEWPORT = { width: 1280, height: 800 };

/** Under puppeteer, Chromium and Firefox are one thing. */
const puppet = (browser, variable, args) => async (lab) => {
  const { default: puppeteer } = await import('puppeteer-core');
  const executablePath = process.env[variable];
  if (!executablePath) throw new Error(`${variable} must name the browser`);
  const launched = await puppeteer.launch({ browser, executablePath, args, headless: true, defaultViewport: VIEWPORT });
  lab.atEnd(() => launched.close());
  const version = (await launched.version()).replace(/^[^\d]*/, '');
  const tab = async (url) => {
    const page = await launched.newPage();
    await page.goto(url);
    const read = (selector, property) => page.$eval(selector, (element, name) => element[name], property);
    return {
      text: (selector) => read(selector, 'textContent'),
      value: (selector) => read(selector, 'value'),
      click: (selector) => page.click(selector),
      async keys(selector, text, key) {
        await page.type(selector, text);
        if (key) await page.keyboard.press(key);
      },
      close: () => page.close(),
    };
  };
  return { version, tab };
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
  const session = (method, path, body) => ask(method, `/session/${sessionId}${path}`, body);
  const element = async (selector) => {
    const [id] = Object.values(await session('POST', '/element', { using: 'css selector', value: selector }));
    return `/element/${id}`;
  };
  await session('POST', '/window/rect', VIEWPORT);
  // One tab serves all.
  const tab = async (url) => {
    await session('POST', '/url', { url });
    return {
      text: async (selector) => session('GET', `${await element(selector)}/property/textContent`),
      value: async (selector) => session('GET', `${await element(selector)}/property/value`),
      click: async (selector) => session('POST', `${await element(selector)}/click`, {}),
      keys: async (selector, text, key) => session('POST', `${await element(selector)}/value`, { text: text + (key ? KEYS[key] : '') }),
      close: () => session('POST', '/url', { url: 'about:blank' }),
    };
  };
  return { version: capabilities.browserVersion, tab };
}

/** Keys as the WebDriver protocol writes them. */
const KEYS = { Enter: '\uE007', Tab: '\uE004' };

/** What a page at `path` reports, with `folders` served; `lost` names what may be asked for in vain. */
export async function visit(lab, browser, folders, path, { policy, lost = [] } = {}) {
  const server = await lab.serve(folders, policy);
  try {
    const outcome = await reported(lab, browser, server.origin + path, server);
    const missed = server.missed.filter((asked) => !lost.some((end) => asked.endsWith(end)));
    if (missed.length > 0) throw new Error(`not found: ${missed.join(', ')}`);
    return outcome;
  } finally {
    server.close();
  }
}

/** What the page at an address reports to the lab's server. */
export async function reported(lab, browser, url, { outcome }) {
  const { tab } = await lab.once(browser, () => browser(lab));
  const page = await tab(url);
  try {
    return await outcome;
  } finally {
    await page.close();
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
