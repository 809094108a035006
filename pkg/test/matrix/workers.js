// Cloudflare's runtime, three ways: workerd by itself, Miniflare, and `wrangler dev`, which bundles as a deployment would.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { answer, freePort, start, versionOf } from './lab.js';
import { nodePath } from './processes.js';

export const COMPATIBILITY_DATE = '2026-01-01';

/** A worker has no resolver: these modules give the package's names to its entry points. */
const NAMED = {
  cachette: "export * from './node_modules/cachette/dist/platform/workerd.js';\n",
  'cachette/full': "export * from '../node_modules/cachette/dist/full/workerd.js';\n",
};

/** The worker's modules: paths in the consumer's folder. */
async function modules(lab) {
  const dist = 'node_modules/cachette/dist';
  const built = (await readdir(join(lab.folder, dist), { recursive: true })).filter((path) => /\.(js|wasm)$/.test(path));
  // What other runtimes' entry points import has no meaning here.
  const ours = built.filter((path) => !/^(node|platform|full)\//.test(path) || /^(platform|full)\/workerd.js$/.test(path));
  return ['worker.js', 'suite.js', 'checks.js', 'scenarios.js', ...ours.map((path) => `${dist}/${path}`)];
}

export async function miniflare(lab) {
  const { Miniflare } = await import('miniflare');
  const files = (await modules(lab)).map((path) => ({ type: path.endsWith('.wasm') ? 'CompiledWasm' : 'ESModule', path: join(lab.folder, path) }));
  const named = Object.entries(NAMED).map(([name, contents]) => ({ type: 'ESModule', path: join(lab.folder, name), contents }));
  const worker = new Miniflare({ modules: [...files, ...named], modulesRoot: lab.folder, compatibilityDate: COMPATIBILITY_DATE, cf: false });
  try {
    const response = await worker.dispatchFetch('http://localhost/', { method: 'POST', body: await lab.body() });
    return { version: await versionOf('miniflare'), ...(await response.json()) };
  } finally {
    await worker.dispose();
  }
}

/** A program of the consumer's, bundled as wrangler does, in Miniflare. */
export async function bundledForWorkerd(lab, entry) {
  const [{ Miniflare }, { build }] = [await import('miniflare'), await import('esbuild')];
  const outfile = join(await lab.outDir('workerd'), entry);
  const dist = join(lab.folder, 'node_modules/cachette/dist');
  const compiled = { name: 'wasm', setup: ({ onResolve }) => onResolve({ filter: /\.wasm$/ }, ({ path }) => ({ path: `./${basename(path)}`, external: true })) };
  await build({ absWorkingDir: lab.folder, entryPoints: [entry], bundle: true, format: 'esm', target: 'es2022', conditions: ['workerd'], outfile, plugins: [compiled] });
  const wasm = (await readdir(dist)).filter((name) => name.endsWith('.wasm'));
  const contents = await Promise.all(wasm.map((name) => readFile(join(dist, name))));
  const modules = wasm.map((name, at) => ({ type: 'CompiledWasm', path: name, contents: contents[at] }));
  return new Miniflare({ modules: [{ type: 'ESModule', path: entry, contents: await readFile(outfile, 'utf8') }, ...modules], compatibilityDate: COMPATIBILITY_DATE, cf: false });
}

export const workerd = (compatibilityDate) => async (lab) => {
  const project = await lab.project('workers');
  const port = await freePort();
  const embedded = (await modules(lab)).map((path) => `(name = "${path}", ${path.endsWith('.wasm') ? 'wasm' : 'esModule'} = embed "${path}")`);
  for (const [name, contents] of Object.entries(NAMED)) {
    const file = `${name.replace('/', '-')}.js`;
    await writeFile(join(lab.folder, file), contents);
    embedded.push(`(name = "${name}", esModule = embed "${file}")`);
  }
  await writeFile(
    join(lab.folder, 'workerd.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [${embedded.join(', ')}],
    compatibilityDate = "${compatibilityDate}"))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);\n`,
  );
  const serving = start(join(project, 'node_modules/.bin/workerd'), ['serve', 'workerd.capnp'], { cwd: lab.folder });
  return { version: await versionOf('workerd', project), ...(await answer(lab, serving, `http://127.0.0.1:${port}/`)) };
};

/** Node 20 is too old for wrangler. */
export async function wrangler(lab) {
  const project = await lab.project('workers');
  const port = await freePort();
  const args = ['node_modules/wrangler/bin/wrangler.js', 'dev', '--port', String(port), '--inspector-port', '0', '--show-interactive-dev-session=false'];
  const env = { ...process.env, CI: '1', WRANGLER_SEND_METRICS: 'false' };
  const serving = start(nodePath(24), args, { cwd: project, env });
  return { version: await versionOf('wrangler', project), ...(await answer(lab, serving, `http://127.0.0.1:${port}/`)) };
}
