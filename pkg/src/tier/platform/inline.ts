// Anywhere that may compile bytes, browsers among it: whoever has a tier there speaks REST.
import { compileText } from '../../base64.js';
import { full } from '../../full/inline.js';
import { wasmBase64 } from '../../tier.base64.js';
import { provideTier } from '../module.js';

provideTier(() => compileText(wasmBase64), full);
export * from '../index.js';
