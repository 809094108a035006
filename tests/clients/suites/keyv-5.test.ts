// Keyv 5's own suite, from its package, with the store of `cachette/keyv`.
import test, { keyvIteratorTests } from '@keyv/test-suite';
import { Cachette } from 'cachette';
import { Keyv5Cachette } from 'cachette/keyv';
import Keyv from 'keyv';
import * as vitest from 'vitest';

const store = () => new Keyv5Cachette(new Cachette());
test(vitest as never, Keyv, store);
keyvIteratorTests(vitest as never, Keyv, store);
