// Something to look at: a data set as a small shop would keep it, and visitors who use it.

import { ReplyError, type Reply } from 'cachette';
import type { Command, Engine } from './engine.js';

const NAMES = ['ada', 'alan', 'barbara', 'claude', 'donald', 'edsger', 'frances', 'grace', 'hedy', 'ida', 'john', 'kathleen', 'leslie', 'margaret', 'niklaus', 'radia'];
const WORDS = ['amber', 'basil', 'cedar', 'dune', 'ember', 'fern', 'grove', 'heron', 'iris', 'juniper', 'kelp', 'lark', 'moss', 'nettle', 'olive', 'pine', 'quartz', 'reed', 'sage', 'thyme'];
/** Pages that are cached at the start; the other articles are met the first time they are read. */
const PAGES = 500;
const PLAYERS = 1000;
const ARTICLES = 2000;
const SESSIONS = 900;

/** A repeatable draw of whole numbers below `n`. */
type Draw = (n: number) => number;

function drawing(seed: number): Draw {
  return (n) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * n);
  };
}

function pick<T>(draw: Draw, from: readonly T[]): T {
  return from[draw(from.length)]!;
}

function hex(draw: Draw, digits: number): string {
  return Array.from({ length: digits }, () => draw(16).toString(16)).join('');
}

/** A page as a template would render it, some hundred bytes. */
function page(draw: Draw, index: number): string {
  const words = Array.from({ length: 20 + draw(40) }, () => pick(draw, WORDS)).join(' ');
  return `<article id="${index}"><h1>${pick(draw, WORDS)} ${pick(draw, WORDS)}</h1><p>${words}</p></article>`;
}

function player(index: number): string {
  return `${NAMES[index % NAMES.length]}-${index}`;
}

/** The commands that fill the cache: about 3,400 keys of every type. */
export function dataSet(): Command[] {
  const draw = drawing(20_260_401);
  const commands: Command[] = [];
  for (let i = 0; i < SESSIONS; i++) {
    const key = `session:${hex(draw, 12)}`;
    commands.push(['HSET', key, 'user', player(draw(PLAYERS)), 'page', `/article/${draw(ARTICLES)}`, 'started', 1_775_000_000 + draw(86_400), 'cart', draw(7)]);
    // Most live on for minutes; some go while one watches.
    commands.push(['EXPIRE', key, i % 12 === 0 ? 5 + draw(50) : 120 + draw(3_480)]);
  }
  for (let i = 0; i < PAGES; i++) commands.push(['SET', `page:/article/${i}`, page(draw, i), 'EX', 30 + draw(570)]);
  for (let i = 0; i < 700; i++) commands.push(['SET', `views:article:${i}`, draw(50_000)]);
  for (let i = 0; i < PLAYERS; i++) commands.push(['ZADD', 'leaderboard:season', draw(100_000), player(i)]);
  for (const name of NAMES) commands.push(['ZADD', 'leaderboard:friends', draw(1_000), name]);
  for (let i = 0; i < 800; i++) {
    commands.push(['HSET', `user:${i}`, 'name', player(i), 'mail', `${player(i)}@example.com`, 'plan', pick(draw, ['free', 'pro', 'team'])]);
  }
  for (let i = 0; i < 250; i++) commands.push(['RPUSH', 'queue:mail', JSON.stringify({ to: `${player(i)}@example.com`, template: pick(draw, ['welcome', 'receipt', 'digest']) })]);
  for (let i = 0; i < 40; i++) commands.push(['RPUSH', 'queue:thumbnails', `img-${hex(draw, 8)}.webp`]);
  for (const word of WORDS) for (let i = 0; i < 30; i++) commands.push(['SADD', `tag:${word}`, draw(ARTICLES)]);
  for (const word of WORDS) for (let i = 0; i < 12; i++) commands.push(['SADD', `related:${word}`, pick(draw, WORDS)]);
  for (let i = 0; i < 300; i++) commands.push(['SET', `rate:${10 + draw(200)}.${draw(256)}.${draw(256)}.${draw(256)}`, 1 + draw(20), 'EX', 10 + draw(50)]);
  commands.push(['SET', 'motd', 'Everything on this page is kept in its own memory.\nClose the tab and it is gone.']);
  commands.push(['SET', 'feature:dark-mode', 'on'], ['SET', 'feature:checkout-v2', '25%']);
  commands.push(['HSET', 'service:status', 'api', 'up', 'search', 'up', 'mail', 'degraded']);
  return commands;
}

/** What became of a batch: how many commands were refused, and the first refusal's words. */
export interface Outcome {
  ran: number;
  refused: number;
  why: string;
}

export function outcome(replies: readonly Reply[]): Outcome {
  const errors = replies.filter((reply) => reply instanceof ReplyError);
  return { ran: replies.length - errors.length, refused: errors.length, why: errors[0]?.message ?? '' };
}

/** Visitors: pages read through the cache, counters, a leaderboard, a queue, sessions. Each call of `play` is a moment of theirs. */
export class Traffic {
  private readonly draw = drawing(Date.now() >>> 0);
  private moment = 0;

  constructor(private readonly engine: Engine) {}

  play(): Outcome {
    const { draw, engine } = this;
    this.moment++;
    // The crowd swells and thins out, in long waves and short ones.
    const crowd = 26 + Math.round(14 * Math.sin(this.moment / 61) + 8 * Math.sin(this.moment / 23) + draw(14));
    // A few articles are read by nearly everybody.
    const article = () => Math.floor(ARTICLES * (draw(1000) / 1000) ** 2.2);
    const wanted = Array.from({ length: crowd }, () => article());
    const pages = engine.batch(wanted.map((i) => ['GET', `page:/article/${i}`]));
    const commands: Command[] = [];
    pages.forEach((reply, n) => {
      const i = wanted[n]!;
      if (reply === null) commands.push(['SET', `page:/article/${i}`, page(draw, i), 'EX', 5 + draw(40)]);
      if (n % 3 === 0) commands.push(['INCR', `views:article:${i}`]);
    });
    for (let i = 0; i < crowd / 8; i++) commands.push(['ZINCRBY', 'leaderboard:season', draw(50), player(draw(PLAYERS))]);
    const session = `session:${hex(draw, 12)}`;
    commands.push(['HSET', session, 'user', player(draw(PLAYERS)), 'page', `/article/${article()}`], ['EXPIRE', session, 5 + draw(40)]);
    commands.push(['RPUSH', 'queue:mail', JSON.stringify({ to: `${player(draw(PLAYERS))}@example.com`, template: 'digest' })]);
    // The workers keep up, a little unevenly.
    for (let i = draw(3); i > 0; i--) commands.push(['LPOP', 'queue:mail']);
    return outcome([...pages, ...engine.batch(commands)]);
  }
}
