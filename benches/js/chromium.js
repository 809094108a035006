// The operations in Chromium, through playwright-core as the console page's tests have it.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import { root } from './node.js';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };
const PAGE = `<!doctype html><title>bench</title><script type="importmap">{ "imports": {
    "lru-cache": "/benches/js/node_modules/lru-cache/dist/esm/browser/index.js",
    "tiny-lru": "/benches/js/node_modules/tiny-lru/dist/tiny-lru.js", "quick-lru": "/benches/js/node_modules/quick-lru/index.js" } }</script>
  <script type="module">
    import { LRUCache } from 'lru-cache';
    import { lru as tiny } from 'tiny-lru';
    import QuickLRU from 'quick-lru';
    import { Cachette, LRUCache as OurLRU, References } from '/pkg/dist/platform/browser.js';
    import { measure } from '/benches/js/operations.js';
    await Cachette.create();
    // Text that came in pieces, flat.
    const flat = (text) => new TextDecoder().decode(new TextEncoder().encode(text));
    const host = { Cachette, OurLRU, References, LRUCache, tiny, QuickLRU, time: () => performance.now() * 1e6, gc: () => globalThis.gc?.(), flat };
    globalThis.run = (options) => measure(options, host);
  </script>`;

/** A browser with the benchmark's page; undefined where there is none. */
export async function open() {
  const executablePath = process.env.CHROMIUM;
  if (!executablePath) {
    console.log('no Chromium: CHROMIUM names none');
    return undefined;
  }
  const { chromium } = createRequire(join(root, 'www/package.json'))('playwright-core');
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, 'http://localhost').pathname;
    const body = path === '/' ? PAGE : await readFile(join(root, path)).catch(() => undefined);
    // Isolated, so that the clock is fine.
    const headers = { 'content-type': TYPES[path === '/' ? '.html' : extname(path)] ?? 'text/plain', 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
    response.writeHead(body === undefined ? 404 : 200, headers).end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--js-flags=--expose-gc'] });
  const page = async () => {
    const page = await browser.newPage();
    page.on('pageerror', (error) => console.error(String(error)));
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    await page.waitForFunction('globalThis.run !== undefined');
    return page;
  };
  return {
    version: `Chromium ${browser.version()}`,
    async measure(options) {
      const own = await page();
      const measured = await own.evaluate((given) => globalThis.run(given), options);
      await own.close();
      return measured;
    },
    async start() {
      const own = await page();
      const measured = await own.evaluate(async () => {
        const bytes = await (await fetch('/pkg/dist/core.wasm')).arrayBuffer();
        const times = [];
        for (let i = 0; i < 9; i++) {
          const begun = performance.now();
          const module = await WebAssembly.compile(bytes);
          const compiled = performance.now();
          await WebAssembly.instantiate(module);
          times.push([compiled - begun, performance.now() - compiled]);
        }
        const middle = (at) => times.map((pair) => pair[at]).sort((a, b) => a - b)[4];
        return { compile: middle(0), instantiate: middle(1) };
      });
      await own.close();
      return measured;
    },
    async close() {
      await browser.close();
      server.close();
    },
  };
}
