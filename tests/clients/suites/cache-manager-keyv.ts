// For cache-manager's own tests: a Keyv that keeps its entries in a cache of ours where it would use a Map.
import { Cachette } from 'cachette';
import { Keyv5Cachette } from 'cachette/keyv';
import { Keyv as Original } from 'keyv-original';

export * from 'keyv-original';

export class Keyv extends (Original as any) {
  constructor(options: any = {}, more: any = {}) {
    const bare = options === undefined || (options.store === undefined && typeof options.get !== 'function');
    super(bare ? { ...options, store: new Keyv5Cachette(new Cachette()) } : options, more);
  }

  // cache-manager turns serializing off for the Map that it believes to be here.
  set serialize(how: unknown) {
    if (how !== undefined) super.serialize = how;
  }

  set deserialize(how: unknown) {
    if (how !== undefined) super.deserialize = how;
  }
}

export default Keyv;
