// Cloudflare's workerd.
import '../../platform/workerd.js';
import tier from '../../tier.wasm';
import { provideTier } from '../module.js';

provideTier(() => tier);
export * from '../index.js';
