// For ioredis's own tests, as `mocha --require`: whatever would connect to Redis's port speaks to an engine in this process instead. The servers that the
// tests make themselves, on other ports, are reached as ever.
const { createRequire } = require('node:module');
const { join } = require('node:path');

// The tests' own packages, with cachette among them.
const load = createRequire(join(process.cwd(), 'package.json'));
load('ts-node/register');
const standalone = load('./lib/connectors/StandaloneConnector');
const { Connector } = load('cachette/ioredis');

const Sockets = standalone.default;
standalone.default = class {
  constructor(options) {
    const { host = 'localhost', port = 6379, path } = options;
    const inProcess = !path && Number(port) === 6379 && ['localhost', '127.0.0.1'].includes(host);
    return inProcess ? new Connector(options) : new Sockets(options);
  }
};
