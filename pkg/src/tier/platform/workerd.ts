// Cloudflare's workerd.
import { full } from '../../full/workerd.js';
import tier from '../../tier.wasm';
import { provideTier } from '../module.js';

provideTier(() => tier, full);
export * from '../index.js';
