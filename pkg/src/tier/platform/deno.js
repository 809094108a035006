// Deno.
import '../../platform/deno.js';
import source tier from '../../tier.wasm';
import { provideTier } from '../module.js';

provideTier(() => tier);
export * from '../index.js';
