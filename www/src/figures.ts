// The four figures at the top, sampled once a second.

import { byId, h, say } from './dom.js';
import type { Engine, Figures } from './engine.js';
import { bytes, count, percent } from './format.js';
import { Plot, roundTop } from './plot.js';

export const PERIOD_MS = 1000;

interface Tile {
  value: HTMLElement;
  note: HTMLElement;
  plot: Plot;
}

export class FigureTiles {
  private readonly memory: Tile;
  private readonly keys: Tile;
  private readonly hitRate: Tile;
  private readonly commands: Tile;
  private before: Figures;
  private at = performance.now();
  private limit = 0;

  constructor(private readonly engine: Engine) {
    const host = byId('figures');
    // With a limit that is near, the limit is the top: how full is the question then.
    this.memory = tile(host, 'Memory', 'memory', (largest) => (this.limit > 0 && largest > this.limit / 4 ? this.limit * 1.08 : roundBytes(largest)));
    this.keys = tile(host, 'Keys', 'keys', roundTop);
    this.hitRate = tile(host, 'Hit rate', 'hits', () => 1.02);
    this.commands = tile(host, 'Commands', 'commands', roundTop, true);
    this.before = engine.figures();
    this.sample();
  }

  sample(): void {
    const now = this.engine.figures();
    const { before } = this;
    const seconds = Math.max(0.001, (performance.now() - this.at) / 1000);
    this.before = now;
    this.at = performance.now();
    this.limit = now.maxmemory;

    say(this.memory.value, bytes(now.bytes));
    say(this.memory.note, now.maxmemory > 0 ? `${percent(now.bytes / now.maxmemory)} of ${bytes(now.maxmemory)}` : `no limit · peak ${bytes(now.peakBytes)}`);
    this.memory.plot.push(now.bytes, now.maxmemory);

    say(this.keys.value, count(now.keys));
    say(this.keys.note, `${count(now.expired)} expired · ${count(now.evicted)} evicted`);
    this.keys.plot.push(now.keys);

    const lookups = now.hits - before.hits + now.misses - before.misses;
    const rate = lookups > 0 ? (now.hits - before.hits) / lookups : null;
    const all = now.hits + now.misses;
    say(this.hitRate.value, rate !== null ? percent(rate) : all > 0 ? percent(now.hits / all) : '–');
    say(this.hitRate.note, all > 0 ? `${count(now.hits)} found · ${count(now.misses)} missed` : 'nothing was looked up yet');
    this.hitRate.plot.push(rate);

    const perSecond = Math.max(0, now.commands - before.commands) / seconds;
    say(this.commands.value, `${count(perSecond)} /s`);
    say(this.commands.note, `${count(now.commands)} in all`);
    this.commands.plot.push(perSecond);
  }
}

function tile(host: HTMLElement, name: string, kind: string, top: (largest: number) => number, hasBursts = false): Tile {
  const value = h('span', { class: 'value', id: `figure-${kind}` }, '–');
  const note = h('span', { class: 'note' });
  const box = h('div', { class: `tile ${kind}`, role: 'group', 'aria-label': name }, h('h3', {}, name), value, note);
  host.append(box);
  return { value, note, plot: new Plot(box, top, hasBursts) };
}

/** Powers of two look round where bytes are counted. */
function roundBytes(largest: number): number {
  return largest <= 0 ? 1024 : 2 ** Math.ceil(Math.log2(largest * 1.1));
}
