// Cloudflare's workerd. It compiles imports, never bytes. A timer belongs to the request that set it, so expiry works within calls.
import module from '../cachette.wasm';
import { provide } from '../module.js';

provide({ compile: () => module, timers: false });
export * from '../index.js';
