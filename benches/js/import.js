// What a program waits for until its cache is there and has answered, in milliseconds: `node import.js SPECIFIER CODE`, where CODE makes a cache of the module's
// exports, `m`. In a process that has done nothing else.

const [specifier, code] = process.argv.slice(2);
const make = new Function('m', `return ${code}`);

const begun = performance.now();
const exports = await import(specifier);
const imported = performance.now();
const cache = make(exports);
cache.set('key', 'value');
if (cache.get('key') !== 'value') throw new Error('a wrong answer');
console.log(JSON.stringify({ import: imported - begun, answer: performance.now() - imported }));
