// Node.
import '../../platform/node.js';
import { wasmBase64 } from '../../tier.base64.js';
import { compileText, provideTier } from '../module.js';

provideTier(() => compileText(wasmBase64));
export * from '../index.js';
