// The server of connect-redis's own test: `cachette/server`.
import { Cachette } from 'cachette';
import { listen, type Listener } from 'cachette/server';

export const port = '18543';
export const cache = new Cachette();
let listener: Listener;

export async function connect(): Promise<void> {
  listener = await listen({ port: Number(port), cache });
}

export async function disconnect(): Promise<void> {
  await listener.close();
}
