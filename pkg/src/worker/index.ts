// `cachette/worker`: a cache in a worker, or behind any message port, with promises.

export { connect, RemoteCachette, RemoteMessages, RemoteSubscription, transfer } from './connect.js';
export type { Port } from './protocol.js';
export { serve } from './serve.js';
