// Node, Deno and Bun: a program that prints what the suite found.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { here, output } from './lab.js';

const installed = (...path) => join(here, 'node_modules', ...path);

/** A Node of this major version: the one of the lock file, else (where there is none for this machine) the one that runs us. */
export function nodePath(major) {
  const path = installed(`node-${major}-${process.platform}-${process.arch}`, 'bin/node');
  if (existsSync(path)) return path;
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  throw new Error(`no Node ${major} for ${process.platform} ${process.arch} is installed`);
}

const node = (major) => ({ program: () => nodePath(major), args: ['--no-warnings'], version: async () => (await output(nodePath(major), ['--version'])).trim().slice(1) });

export const node20 = node(20);
export const node24 = node(24);
/** Without any permission. */
export const deno = {
  program: () => installed('.bin/deno'),
  args: ['run', '--no-prompt', '--cached-only', '--node-modules-dir=manual'],
  version: async () => /^deno (\S+)/.exec(await output(installed('.bin/deno'), ['--version']))[1],
};
export const bun = {
  program: () => installed('.bin/bun'),
  args: ['run'],
  version: async () => (await output(installed('.bin/bun'), ['--version'])).trim(),
};

/** Runs one of the consumer's programs. */
export const program = (runtime, file) => async (lab) => ({
  version: await runtime.version(),
  ...JSON.parse(await output(runtime.program(), [...runtime.args, file], { cwd: lab.folder })),
});
