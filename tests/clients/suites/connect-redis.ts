// connect-redis's own test asks for its store at `./`; here it gets that of `cachette/session`, on the cache that its client looks at.
import { sessionStore } from 'cachette/session';
import session from 'express-session';
import { cache } from './testdata/server';

export class RedisStore {
  constructor({ client }: { client: unknown }) {
    return Object.assign(sessionStore(session, { cache }), { client, scanCount: 100 }) as never;
  }
}
