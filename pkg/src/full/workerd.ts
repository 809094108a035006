// `cachette/full` in Cloudflare's workerd: modules are imported, never compiled from bytes.
import module from '../full.wasm';

export function full(): object | Promise<object> {
  return module;
}
