// For suites that run by vitest: what stands in for what, by suite.

const suite = process.env.SUITE;
const root = process.cwd();

const aliases = {
  unstorage: [],
  'connect-redis': [
    { find: /^\.\/$/, replacement: `${root}/store.ts` },
  ],
  'cache-manager': [
    { find: /^keyv$/, replacement: `${root}/cachette-keyv.ts` },
    { find: /^keyv-original$/, replacement: `${root}/node_modules/keyv/dist/index.js` },
    { find: '@keyv/redis', replacement: `${root}/cachette-redis.ts` },
  ],
};

export default {
  root,
  resolve: { alias: aliases[suite] ?? [] },
  test: { include: ['**/*.test.ts', '**/*_test.ts'], exclude: ['**/node_modules/**'], testTimeout: 20_000, reporters: ['tap-flat'] },
};
