// What the package weighs: to install, and to load in a page.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/**
 * Bytes: of the tarball, of what it unpacks to; of the modules as a server sends them (after gzip -9); of the script that a page needs beside them
 * (bundled, minified, after gzip -9).
 */
export async function sizesOf(lab) {
  const installed = join(lab.folder, 'node_modules/cachette');
  const files = (await readdir(installed, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const lengths = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size));
  const zipped = async (path) => gzipSync(await readFile(join(installed, path)), { level: 9 }).length;
  return {
    packed: (await stat(lab.tarball)).size,
    installed: lengths.reduce((sum, length) => sum + length),
    core: await zipped('dist/core.wasm'),
    objects: await zipped('dist/objects.wasm'),
    script: await script(lab),
  };
}

/** The text form of the modules is a chunk of its own, which a page loads only where it must. */
async function script(lab) {
  const { build } = await import('esbuild');
  const stdin = { contents: "export { Cachette } from 'cachette';", resolveDir: lab.folder };
  const shape = { bundle: true, minify: true, format: 'esm', target: 'es2022', platform: 'browser', splitting: true, outdir: 'none' };
  const { outputFiles, metafile } = await build({ absWorkingDir: lab.folder, stdin, ...shape, write: false, metafile: true, logLevel: 'silent' });
  const { imports } = metafile.outputs['none/stdin.js'];
  const first = ['stdin.js', ...imports.filter(({ kind }) => kind === 'import-statement').map(({ path }) => path.replace('none/', ''))];
  const texts = outputFiles.filter(({ path }) => first.some((name) => path.endsWith(name)));
  return texts.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0);
}
