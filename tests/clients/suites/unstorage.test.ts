// unstorage's own test of drivers, with the driver of `cachette/unstorage`.
import { Cachette } from 'cachette';
import { cachetteDriver } from 'cachette/unstorage';
import { describe } from 'vitest';
import { testDriver } from './utils';

for (const base of [undefined, 'test:']) {
  describe(`drivers: cachette, base ${base}`, () => {
    testDriver({ driver: cachetteDriver({ cache: new Cachette(), ...(base && { base }) }) as never });
  });
}
