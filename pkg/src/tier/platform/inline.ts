// Anywhere that may compile bytes, browsers among it: whoever has a tier there speaks REST.
import '../../platform/inline.js';
import { wasmBase64 } from '../../tier.base64.js';
import { compileText, provideTier } from '../module.js';

provideTier(() => compileText(wasmBase64));
export * from '../index.js';
