// Keyv 6's own suites of stores and of Keyv itself, with the store of `cachette/keyv`.
import { Cachette } from 'cachette';
import { KeyvCachette } from 'cachette/keyv';
import Keyv from 'keyv';
import { test } from 'vitest';
import { keyvIteratorTests, keyvTestSuite, storageTestSuite } from './core/test-suite/src/index.js';

const store = () => new KeyvCachette(new Cachette());
keyvTestSuite(test, Keyv, store);
keyvIteratorTests(test, Keyv, store);
storageTestSuite(test, store);
