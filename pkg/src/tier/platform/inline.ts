// Anywhere that may compile bytes, browsers among it: whoever has a tier there speaks REST.
import '../../platform/inline.js';
import { compileText } from '../../base64.js';
import { wasmBase64 } from '../../tier.base64.js';
import { provideTier } from '../module.js';

provideTier(() => compileText(wasmBase64));
export * from '../index.js';
