// Deno.
import { full } from '../../full/inline.js';
import source tier from '../../tier.wasm';
import { provideTier } from '../module.js';

provideTier(() => tier, full);
export * from '../index.js';
