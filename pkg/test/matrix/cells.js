// The matrix: each runtime, in each way in which the package is used there. `cargo xtask matrix` runs them all.
//
// `runtime` and `as` are the row of the table, `ci` says that `cargo xtask test package` runs it too. `run` gives what the suite found there, and the
// runtime's version; `least` is how many checks and scenarios there must be where that is not the whole suite. `cannot` stands in place of `run` where a runtime cannot do a thing: what, and why.

import { byEsbuild, byRollup, byWebpack, vite } from './bundlers.js';
import { chromium, firefox, plain, webkit } from './browsers.js';
import { consolePage } from './console.js';
import { edgeRuntime, nextPage, nextRoute, nextWebpack, turbopack, turbopackDev } from './edge.js';
import { bun, deno, node20, node24, program } from './processes.js';
import { COMPATIBILITY_DATE, miniflare, workerd, wrangler } from './workers.js';

export const cells = [
  { name: 'node-20', runtime: 'Node 20', as: '`import`', ci: true, run: program(node20, 'process.js') },
  { name: 'node-20-require', runtime: 'Node 20', as: '`require()`', ci: true, run: program(node20, 'require.cjs') },
  { name: 'node-24', runtime: 'Node 24', as: '`import`', ci: true, run: program(node24, 'process.js') },
  { name: 'node-24-require', runtime: 'Node 24', as: '`require()`', run: program(node24, 'require.cjs') },
  { name: 'node-24-inline', runtime: 'Node 24', as: '`cachette/inline`', ci: true, run: program(node24, 'inline.js') },
  { name: 'deno', runtime: 'Deno', as: '`import`, without permissions', ci: true, run: program(deno, 'process.js') },
  { name: 'bun', runtime: 'Bun', as: '`import`', ci: true, run: program(bun, 'process.js') },

  ...[['chromium', 'Chromium', chromium, true], ['firefox', 'Firefox', firefox, false], ['webkit', 'WebKitGTK', webkit, false]].flatMap(([name, runtime, browser, ci]) => [
    { name: `${name}-page`, runtime, as: 'page', ci, run: plain(browser, 'page') },
    { name: `${name}-inline`, runtime, as: 'page, `cachette/inline`', run: plain(browser, 'inline') },
    { name: `${name}-worker`, runtime, as: 'dedicated worker', ci, run: plain(browser, 'worker') },
    { name: `${name}-service-worker`, runtime, as: 'service worker', ci, run: plain(browser, 'service-worker') },
  ]),

  { name: 'miniflare', runtime: 'Miniflare', as: 'worker', ci: true, run: miniflare },
  { name: 'workerd', runtime: 'workerd', as: 'worker', run: workerd(COMPATIBILITY_DATE) },
  { name: 'workerd-oldest', runtime: 'workerd', as: 'worker with compatibility date 2021-11-03', run: workerd('2021-11-03') },
  { name: 'wrangler', runtime: 'wrangler dev', as: 'worker, bundled', run: wrangler },

  { name: 'edge-runtime', runtime: 'edge-runtime', as: '`fetch` handler', ci: true, run: edgeRuntime },
  ...[
    ['next', 'Next with Turbopack', turbopack],
    ['next-dev', 'Next, development server', turbopackDev],
    ['next-webpack', 'Next with webpack', nextWebpack],
  ].flatMap(([name, runtime, built]) => [
    { name: `${name}-node`, runtime, as: 'node route', run: nextRoute(built, '/node') },
    { name: `${name}-edge`, runtime, as: 'edge route', run: nextRoute(built, '/edge') },
    { name: `${name}-middleware`, runtime, as: 'middleware', run: nextRoute(built, '/middleware') },
    { name: `${name}-page`, runtime, as: 'page', run: nextPage(built) },
  ]),

  { name: 'vite-build', runtime: 'Vite', as: 'page', ci: true, run: vite.build },
  { name: 'vite-worker', runtime: 'Vite', as: 'worker', run: vite.worker },
  { name: 'vite-dev', runtime: 'Vite', as: 'page, development server', run: vite.dev },
  { name: 'vite-ssr', runtime: 'Vite', as: 'server build, Node', run: vite.ssr },
  { name: 'webpack', runtime: 'webpack', as: 'page', ci: true, run: byWebpack.page },
  { name: 'webpack-worker', runtime: 'webpack', as: 'worker', run: byWebpack.worker },
  { name: 'webpack-node', runtime: 'webpack', as: 'Node', run: byWebpack.node },
  { name: 'esbuild', runtime: 'esbuild', as: 'page', ci: true, run: byEsbuild.page },
  { name: 'esbuild-inline', runtime: 'esbuild', as: 'page, `cachette/inline`', run: byEsbuild.inline },
  { name: 'esbuild-node', runtime: 'esbuild', as: 'Node', ci: true, run: byEsbuild.node },
  { name: 'rollup', runtime: 'Rollup', as: 'page', ci: true, run: byRollup.page },
  { name: 'rollup-inline', runtime: 'Rollup', as: 'page, `cachette/inline`', run: byRollup.inline },
  { name: 'rollup-node', runtime: 'Rollup', as: 'Node', run: byRollup.node },

  ...[['chromium', 'Chromium', chromium], ['firefox', 'Firefox', firefox], ['webkit', 'WebKitGTK', webkit]].map(([name, as, browser]) => (
    { name: `console-${name}`, runtime: 'Console page', as, least: { checks: 7, scenarios: 0 }, run: consolePage(browser) }
  )),
];
