// Vercel's edge runtime and Next's middleware.
import '../../platform/edge-light.js';
import tier from '../../tier.wasm?module';
import { provideTier } from '../module.js';

provideTier(() => tier);
export * from '../index.js';
