// Bundlers, for a page in Chromium and for a program in Node.
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium, reported, visit } from './browsers.js';
import { output, versionOf } from './lab.js';
import { node20 } from './processes.js';

/** A bundler builds `browser/ENTRY.js` for a page into a folder; the page is opened there. */
const pageBy = (name, bundle, { entry = 'page', lost } = {}) => async (lab) => {
  const outDir = await lab.outDir(`${name}-${entry}`);
  await bundle(lab, entry, outDir);
  // Bundlers that know no HTML leave the page beside its script.
  const page = bundle === viteBuild ? `browser/${entry}.html` : `${entry}.html`;
  if (bundle !== viteBuild) await copyFile(join(lab.folder, `browser/${entry}.html`), join(outDir, page));
  await copyFile(join(lab.folder, 'errors.js'), join(outDir, 'errors.js'));
  return { version: await versionOf(name), ...(await visit(lab, chromium, [outDir], `/${page}`, { lost })) };
};

/** A bundler builds `bundled.js` for Node into a folder as `bundled.js`, with everything in it; Node runs it. */
const programBy = (name, bundle) => async (lab) => {
  const outDir = await lab.outDir(`${name}-node`);
  await bundle(lab, outDir);
  // Away from node_modules and package.json: what is not in the bundle is not found.
  const outcome = await output(node20.program(), [...node20.args, join(outDir, 'bundled.mjs'), lab.scenarios], { cwd: outDir });
  return { version: await versionOf(name), ...JSON.parse(outcome) };
};

async function viteBuild(lab, entry, outDir) {
  const { build } = await import('vite');
  const rolldownOptions = { input: join(lab.folder, `browser/${entry}.html`) };
  await build({ root: lab.folder, configFile: false, logLevel: 'error', build: { outDir, emptyOutDir: true, target: 'es2022', rolldownOptions }, worker: { format: 'es' } });
}

async function viteSsr(lab, outDir) {
  const { build } = await import('vite');
  const ssr = { noExternal: true };
  const rolldownOptions = { output: { entryFileNames: 'bundled.mjs' } };
  await build({ root: lab.folder, configFile: false, logLevel: 'error', ssr, build: { outDir, ssr: 'bundled.js', target: 'es2022', rolldownOptions } });
}

async function viteDev(lab) {
  const { createServer } = await import('vite');
  const server = await createServer({ root: lab.folder, configFile: false, logLevel: 'error', cacheDir: join(lab.folder, '.vite'), server: { port: 0, host: '127.0.0.1', watch: null } });
  await server.listen();
  const listener = await lab.serve([lab.folder]);
  try {
    const { port } = server.httpServer.address();
    const url = `http://127.0.0.1:${port}/browser/page.html?lab=${encodeURIComponent(listener.origin)}`;
    return { version: await versionOf('vite'), ...(await reported(lab, chromium, url, listener)) };
  } finally {
    listener.close();
    await server.close();
  }
}

async function webpack(options) {
  const { default: run } = await import('webpack');
  const stats = await new Promise((resolve, reject) => run({ mode: 'production', devtool: false, performance: false, ...options }, (error, done) => (error ? reject(error) : resolve(done))));
  if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString({ all: false, errors: true, warnings: true }));
}

const webpackPage = (lab, entry, outDir) =>
  webpack({ context: lab.folder, entry: `./browser/${entry}.js`, target: 'web', output: { path: outDir, filename: `${entry}.js` } });

const webpackNode = (lab, outDir) =>
  webpack({
    context: lab.folder, entry: './bundled.js', target: 'node20', experiments: { outputModule: true },
    output: { path: outDir, filename: 'bundled.mjs', module: true, chunkFormat: 'module' },
  });

async function esbuild(options) {
  const { build } = await import('esbuild');
  const { warnings } = await build({ bundle: true, format: 'esm', target: 'es2022', logLevel: 'silent', ...options });
  if (warnings.length > 0) throw new Error(JSON.stringify(warnings));
}

/** A program of the consumer's for a page. */
export const bundledForBrowser = (lab, entry, outdir) => esbuild({ absWorkingDir: lab.folder, entryPoints: [entry], platform: 'browser', splitting: true, outdir });

const esbuildPage = (lab, entry, outdir) => bundledForBrowser(lab, `browser/${entry}.js`, outdir);

const esbuildNode = (lab, outdir) => esbuild({ absWorkingDir: lab.folder, entryPoints: ['bundled.js'], platform: 'node', outdir, outExtension: { '.js': '.mjs' } });

async function rollup(input, resolve, output) {
  const [{ rollup: roll }, { default: nodeResolve }] = [await import('rollup'), await import('@rollup/plugin-node-resolve')];
  const onwarn = (warning) => {
    throw new Error(warning.message);
  };
  const bundle = await roll({ input, plugins: [nodeResolve(resolve)], external: [/^node:/], onwarn });
  await bundle.write(output);
  await bundle.close();
}

const rollupPage = (lab, entry, dir) => rollup(join(lab.folder, `browser/${entry}.js`), { browser: true }, { dir, format: 'es' });

const rollupNode = (lab, dir) => rollup(join(lab.folder, 'bundled.js'), { exportConditions: ['node'] }, { dir, format: 'es', entryFileNames: '[name].mjs' });

/** esbuild and Rollup do not copy what `new URL(…, import.meta.url)` names: it is asked for in vain, and the text form stands in. */
const NOT_COPIED = { lost: ['.wasm'] };

export const vite = {
  build: pageBy('vite', viteBuild),
  worker: pageBy('vite', viteBuild, { entry: 'worker-page' }),
  dev: viteDev,
  ssr: programBy('vite', viteSsr),
};
export const byWebpack = {
  page: pageBy('webpack', webpackPage),
  worker: pageBy('webpack', webpackPage, { entry: 'worker-page' }),
  node: programBy('webpack', webpackNode),
};
export const byEsbuild = {
  page: pageBy('esbuild', esbuildPage, NOT_COPIED),
  inline: pageBy('esbuild', esbuildPage, { entry: 'inline' }),
  node: programBy('esbuild', esbuildNode),
};
export const byRollup = {
  page: pageBy('rollup', rollupPage, NOT_COPIED),
  inline: pageBy('rollup', rollupPage, { entry: 'inline' }),
  node: programBy('rollup', rollupNode),
};
