// Cloudflare's workerd. It compiles imports, never bytes. A timer belongs to the request that set it, so expiry works within calls.
import core from '../core.wasm';
import { provide } from '../module.js';
import objects from '../objects.wasm';

provide({ compile: (name) => (name === 'core' ? core : objects), timers: false });
export * from '../index.js';
