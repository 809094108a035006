// Joins what TypeScript wrote to `js` into few files in `dist`: each file of a package is looked up, read and linked by itself.
//
// The entry points of package.json stay where they are. Beside them lie
//
//   engine.js                       what all of them share
//   fetched.js                      what pages share
//   tier/index.js                   what the tier has of its own
//   inline.js, *.base64.js          modules carried as text, apart from all code: a page fetches them only where it cannot fetch the modules themselves

import { readFileSync } from 'node:fs';
import { isAbsolute, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rollup } from 'rollup';

const [from, to] = ['js', 'dist'].map((folder) => fileURLToPath(new URL(folder, import.meta.url)));
const { exports, bin } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

/** The files that package.json names, at any depth. */
function files(named) {
  return typeof named === 'string' ? [named] : Object.values(named).flatMap(files);
}

/** The file that a module goes to, as far as that does not follow from who imports it. */
function fileOf(path) {
  const module = relative(from, path).split(sep).join('/');
  if (/^(inline|core\.base64|objects\.base64)\.js$/.test(module)) return 'inline';
  if (/^(fetched|(full|tier)\.base64|faces\/keys)\.js$/.test(module)) return module.slice(0, -'.js'.length);
  if (!module.includes('/') || module === 'generated/commands.js') return 'engine';
  return /^tier\/(?!platform\/)/.test(module) ? 'tier/index' : undefined;
}

const entries = files({ exports, bin }).filter((file) => file.endsWith('.js'));
const bundle = await rollup({
  input: Object.fromEntries(entries.map((file) => [file.slice('./dist/'.length, -'.js'.length), join(from, file.slice('./dist/'.length))])),
  // Wasm is for the bundler of whoever uses the package, packages are theirs to choose.
  external: (id) => /\.wasm(\?module)?$/.test(id) || !(id.startsWith('.') || isAbsolute(id)),
  onwarn(warning) {
    throw new Error(warning.message);
  },
});
await bundle.write({
  dir: to,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name].js',
  manualChunks: fileOf,
  minifyInternalExports: false,
  hoistTransitiveImports: false,
});
