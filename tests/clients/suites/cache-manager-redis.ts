// For cache-manager's own tests: what they take from @keyv/redis, on caches of ours.
import { Cachette } from 'cachette';
import { Keyv5Cachette } from 'cachette/keyv';
import { Keyv } from 'keyv';

export default class KeyvRedis extends Keyv5Cachette {
  constructor(_url?: string) {
    super(new Cachette());
  }
}

export const createKeyv = () => new Keyv({ store: new KeyvRedis() });
