// Vercel's edge runtime by itself, and a real Next application: its node and edge routes, its middleware, a page.
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { chromium, reported } from './browsers.js';
import { freePort, output, start, until, versionOf } from './lab.js';

/** edge-runtime has no loader. What Vercel's does with `x.wasm?module`: the host compiles, and code from another realm is handed the module. */
export async function bundledForEdge(lab, entry) {
  const { build } = await import('esbuild');
  const modules = {};
  const hostCompiles = {
    name: 'wasm?module',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /\.wasm\?module$/ }, ({ path, resolveDir }) => ({ path: join(resolveDir, path.replace('?module', '')), namespace: 'module' }));
      onLoad({ filter: /./, namespace: 'module' }, async ({ path }) => {
        const name = `wasm_${basename(path, '.wasm')}`;
        modules[name] = await WebAssembly.compile(await readFile(path));
        return { contents: `export default ${name};` };
      });
    },
  };
  const { outputFiles } = await build({
    absWorkingDir: lab.folder, entryPoints: [entry], bundle: true, write: false, format: 'iife', target: 'es2022', conditions: ['edge-light'], plugins: [hostCompiles],
  });
  return { code: outputFiles[0].text, modules };
}

/** As strict as Vercel: nothing is compiled from bytes or text. */
export async function runInEdge({ code, modules }, ...request) {
  const { EdgeRuntime } = await import('edge-runtime');
  const codeGeneration = { strings: false, wasm: false };
  const runtime = new EdgeRuntime({ initialCode: code, codeGeneration, extend: (context) => Object.assign(context, modules) });
  return runtime.dispatchFetch(...request);
}

export async function edgeRuntime(lab) {
  const response = await runInEdge(await bundledForEdge(lab, 'edge.js'), 'http://localhost/', { method: 'POST', body: await lab.body() });
  return { version: await versionOf('edge-runtime'), ...JSON.parse(await response.text()) };
}

/** The application, served: its address. One for all cells that want it. */
const application = (bundler, command) => async (lab) => {
  const project = await lab.project('next');
  const next = join(project, 'node_modules/next/dist/bin/next');
  // Builds side by side.
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', CI: '1', DIST_DIR: `.next-${bundler}-${command}` };
  if (command === 'start') await output(process.execPath, [next, 'build', `--${bundler}`], { cwd: project, env, timeout: 600_000 });
  const port = await freePort();
  const flags = command === 'dev' ? [`--${bundler}`] : [];
  const serving = start(process.execPath, [next, command, ...flags, '--port', String(port), '--hostname', '127.0.0.1'], { cwd: project, env });
  lab.atEnd(() => serving.end());
  const origin = `http://127.0.0.1:${port}`;
  await until(() => fetch(`${origin}/ready`));
  return { origin, version: await versionOf('next', project) };
};

export const turbopack = application('turbopack', 'start');
export const turbopackDev = application('turbopack', 'dev');
export const nextWebpack = application('webpack', 'start');

/** One of the application's handlers. */
export const nextRoute = (built, path) => async (lab) => {
  const { origin, version } = await lab.once(built, () => built(lab));
  return { version, ...(await lab.ask(origin + path)) };
};

/** The application's page, in Chromium. */
export const nextPage = (built) => async (lab) => {
  const { origin, version } = await lab.once(built, () => built(lab));
  const server = await lab.serve([lab.folder]);
  try {
    return { version, ...(await reported(lab, chromium, `${origin}/?lab=${encodeURIComponent(server.origin)}`, server)) };
  } finally {
    server.close();
  }
};
