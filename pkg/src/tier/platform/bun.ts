// Bun.
import '../../platform/bun.js';
import { compileText } from '../../base64.js';
import { wasmBase64 } from '../../tier.base64.js';
import { provideTier } from '../module.js';

provideTier(() => compileText(wasmBase64));
export * from '../index.js';
