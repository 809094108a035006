// The package's entry points, as its manifest's `exports` name them, and the hosts that each is meant for. One that is not named here fails the tests.

const servers = ['node', 'deno', 'bun'];
const everywhere = [...servers, 'browser', 'workerd', 'edge-light'];

/** Hosts by entry point; none for what is a file and no module. */
export const entryPoints = {
  '.': { hosts: everywhere },
  './lru': { hosts: everywhere },
  './full': { hosts: everywhere },
  './inline': { hosts: [...servers, 'browser'] },
  './tier': { hosts: everywhere },
  './docs': { hosts: everywhere },
  './cache': { hosts: everywhere },
  './server': { hosts: servers },
  './ioredis': { hosts: servers },
  './keyv': { hosts: everywhere },
  './unstorage': { hosts: everywhere },
  './session': { hosts: everywhere },
  './upstash': { hosts: everywhere },
  './worker': { hosts: everywhere },
  './wasm': { hosts: [] },
  './full.wasm': { hosts: [] },
  './package.json': { hosts: [] },
};

/** How a program in a host says what it found. */
const ends = {
  node: 'console.log(JSON.stringify(found));',
  browser: "fetch('/outcome', { method: 'POST', body: JSON.stringify(found) });",
  workerd: 'export default { fetch: () => Response.json(found) };',
  'edge-light': "addEventListener('fetch', (event) => event.respondWith(Response.json(found)));",
};

/** The names by which a host's users import what is meant for it. */
export function specifiers(host) {
  return Object.entries(entryPoints).filter(([, { hosts }]) => hosts.includes(host)).map(([path]) => path.replace(/^\./, 'cachette'));
}

/** A program that imports all that is meant for a host, and says what each entry point exports. */
export function program(host) {
  const names = specifiers(host);
  const imports = names.map((name, at) => `import * as entry${at} from '${name}';`);
  const pairs = names.map((name, at) => `'${name}': Object.keys(entry${at})`);
  return [...imports, `const found = { ${pairs.join(', ')} };`, ends[host] ?? ends.node, ''].join('\n');
}

/** The same for CommonJS. */
export function required() {
  const pairs = specifiers('node').map((name) => `'${name}': Object.keys(require('${name}'))`);
  return [`const found = { ${pairs.join(', ')} };`, ends.node, ''].join('\n');
}

/** A TypeScript source that fails to compile where an entry point has no types, or `any` for them. */
export function typed() {
  const names = Object.entries(entryPoints).filter(([, { hosts }]) => hosts.length > 0).map(([path]) => path.replace(/^\./, 'cachette'));
  const imports = names.map((name, at) => `import * as entry${at} from '${name}';`);
  const lines = names.map((_, at) => `export const typed${at}: Typed<typeof entry${at}> = true;`);
  return [...imports, 'type Typed<T> = 0 extends 1 & T ? never : keyof T extends never ? never : true;', ...lines, ''].join('\n');
}
