// `cachette/full` in Vercel's edge runtime.
import module from '../full.wasm?module';

export function full(): object | Promise<object> {
  return module;
}
