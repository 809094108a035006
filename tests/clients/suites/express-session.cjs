// For express-session's own tests, as `mocha --require`: the store that they make by `new session.MemoryStore()` is that of `cachette/session`.
const { createRequire } = require('node:module');
const { join } = require('node:path');

const load = createRequire(join(process.cwd(), 'package.json'));
const session = load('./index.js');
const { Cachette } = load('cachette');
const { sessionStore } = load('cachette/session');

session.MemoryStore = function () {
  return sessionStore(session, { cache: new Cachette() });
};
