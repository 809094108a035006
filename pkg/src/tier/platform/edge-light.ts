// Vercel's edge runtime and Next's middleware.
import { full } from '../../full/edge-light.js';
import tier from '../../tier.wasm?module';
import { provideTier } from '../module.js';

provideTier(() => tier, full);
export * from '../index.js';
