// Redis Cluster: which node has which slots, and where else to ask. What it means that a node is away, or another one, the machine knows.

import { ReplyError } from '../errors.js';
import { ignore, type Address, type ClusterClient, type Ears, type Link, type Words } from './link.js';
import { hold, within } from './timers.js';

/** How often the slots are asked for: while nothing seems wrong, and while a node is away or none is known. */
const CALM = 5000;
const TROUBLED = 300;
/** After word that something moved. */
const SOON = 20;
/** How long one node may take to tell the slots. */
const PATIENCE = 500;
/** How often one request is sent on. */
const HOPS = 5;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const SLOTS: Words = ['CLUSTER', 'SLOTS'].map((word) => encoder.encode(word));
const ASKING: Words = [encoder.encode('ASKING')];

/** Slots from, to, and the master that has them. */
interface Range {
  first: number;
  last: number;
  address: Address;
}

/** The first node's link, which the machine has before anybody knows where to. */
class Awaited implements Link {
  private target: Link | undefined;
  private ears: Ears | undefined;

  get isOpen(): boolean {
    return this.target?.isOpen ?? false;
  }

  open(ears: Ears): void {
    if (this.target === undefined) this.ears = ears;
    else this.target.open(ears);
  }

  lead(target: Link): void {
    this.target = target;
    if (this.ears !== undefined) target.open(this.ears);
    this.ears = undefined;
  }

  /** It is not known now. */
  refuse(): void {
    const { ears } = this;
    this.ears = undefined;
    ears?.refused();
  }

  close(): void {
    this.ears = undefined;
    this.target?.close();
  }

  async send(commands: readonly Words[]): Promise<unknown[] | undefined> {
    return this.target?.send(commands);
  }
}

/** The nodes of a cluster, by the machine's numbers. */
export class Cluster {
  private readonly first = new Awaited();
  readonly links: Link[] = [this.first];
  /** `host:port` of each. */
  readonly names: string[] = [];
  private readonly used = new Set<number>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asking = false;
  /** Something moved while the slots were asked for. */
  private hinted = false;
  private closed = false;

  /** `tell`: to the machine. `isWhole`: every node is there. */
  constructor(
    private readonly client: ClusterClient,
    private readonly tell: (...words: string[]) => void,
    private readonly isWhole: () => boolean,
  ) {}

  /** Keeps the machine's routes as the cluster says, from now on. */
  async follow(): Promise<void> {
    if (this.asking || this.closed) return;
    this.asking = true;
    clearTimeout(this.timer);
    const ranges = await this.ask().catch(() => undefined);
    this.asking = false;
    if (this.closed) return;
    if (ranges === undefined) this.first.refuse();
    else this.adopt(ranges);
    const wait = ranges !== undefined && this.isWhole() ? CALM : TROUBLED;
    this.again(this.hinted ? SOON : wait);
    this.hinted = false;
  }

  /** Something moved, or went. */
  hint(): void {
    if (this.asking) this.hinted = true;
    else this.again(SOON);
  }

  private again(wait: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.follow(), wait);
    hold(this.timer, false);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    for (const link of this.links) link.close();
  }

  // ---- who has what -------------------------------------------------------------------------------------------------------------

  /** Rejected where no client of a node could be made. */
  private async ask(): Promise<Range[] | undefined> {
    await this.client.ready();
    // Those that are connected first; then anew, those that are known before the seeds, which may be addresses of long ago.
    const known = this.names.map(addressOf);
    for (const [node, address] of known.entries()) {
      const ranges = await this.told(this.links[node]!, address);
      if (ranges !== undefined) return ranges;
    }
    for (const address of [...known, ...this.client.seeds]) {
      const link = this.client.link(address);
      const ranges = (await opens(link)) ? await this.told(link, address) : undefined;
      link.close();
      if (ranges !== undefined || this.closed) return ranges;
    }
    return undefined;
  }

  private async told(link: Link, from: Address): Promise<Range[] | undefined> {
    const replies = await within(PATIENCE, link.send([SLOTS]));
    const [ranges] = replies ?? [];
    if (!Array.isArray(ranges) || ranges.length === 0) return undefined;
    return ranges.map(([first, last, [host, port]]) => {
      // No name, or an empty one, is the node that was asked.
      const name = host === null ? '' : typeof host === 'string' ? host : decoder.decode(host);
      return { first: Number(first), last: Number(last), address: this.client.map({ host: name || from.host, port: Number(port) }) };
    });
  }

  private adopt(ranges: readonly Range[]): void {
    const slots = new Map<number, string[]>();
    for (const { first, last, address } of ranges) {
      const node = this.nodeAt(address);
      slots.set(node, [...(slots.get(node) ?? []), String(first), String(last)]);
    }
    for (const [node, ranges] of slots) this.tell('slots', String(node), ...ranges);
    for (const node of this.used) {
      if (slots.has(node)) continue;
      this.used.delete(node);
      this.tell('retire', String(node));
    }
  }

  /** The node at an address; a new one if need be. The very first takes the place that the machine has from the start. */
  private nodeAt(address: Address): number {
    const name = `${address.host}:${address.port}`;
    const known = this.names.indexOf(name);
    if (known >= 0) {
      // It is back.
      if (!this.used.has(known)) this.start(known);
      return known;
    }
    const node = this.names.push(name) - 1;
    const link = this.client.link(address);
    if (node === 0) {
      this.used.add(0);
      this.first.lead(link);
      return node;
    }
    this.links.push(link);
    this.tell('node');
    this.start(node);
    return node;
  }

  private start(node: number): void {
    this.used.add(node);
    this.tell('start', String(node));
  }

  // ---- where else to ask --------------------------------------------------------------------------------------------------------

  /** Sends commands on for as long as replies say that they belong elsewhere; the replies in the end, undefined where they were lost. */
  async redirect(commands: readonly Words[], replies: unknown[]): Promise<unknown[] | undefined> {
    let last: unknown[] | undefined = replies;
    for (let hop = 0; hop < HOPS && last !== undefined; hop++) {
      const to = redirection(last);
      if (to === undefined) return last;
      this.hint();
      const link = this.links[this.nodeAt(this.client.map(to.address))]!;
      if (!(await comesUp(link))) break;
      last = await (to.asked ? asking(link, commands) : link.send(commands));
    }
    // As a node says that cannot serve now: it was not done.
    return last && [new ReplyError('TRYAGAIN the slot is being moved', 'TIER')];
  }
}

/** `MOVED slot host:port` or `ASK slot host:port`: where to, and whether it is to be asked there this once. */
export function redirection(replies: readonly unknown[]): { asked: boolean; address: Address } | undefined {
  for (const reply of replies) {
    const [, kind, address] = (reply instanceof Error && /^(MOVED|ASK) \d+ (\S+:\d+)$/.exec(reply.message)) || [];
    if (address !== undefined) return { asked: kind === 'ASK', address: addressOf(address) };
  }
  return undefined;
}

function addressOf(name: string): Address {
  const colon = name.lastIndexOf(':');
  return { host: name.slice(0, colon), port: Number(name.slice(colon + 1)) };
}

/** ASKING holds for one command, or one transaction. */
async function asking(link: Link, commands: readonly Words[]): Promise<unknown[] | undefined> {
  const isTransaction = decoder.decode(commands[0]?.[0]) === 'MULTI';
  const all = isTransaction ? [ASKING, ...commands] : commands.flatMap((command) => [ASKING, command]);
  const replies = await link.send(all);
  return replies?.filter((_, at) => all[at] !== ASKING);
}

/** A node that was not known before is being connected to. */
async function comesUp(link: Link): Promise<boolean> {
  for (let waited = 0; !link.isOpen && waited < PATIENCE / 2; waited += SOON) await new Promise((go) => setTimeout(go, SOON));
  return link.isOpen;
}

function opens(link: Link): Promise<boolean | undefined> {
  const opened = new Promise<boolean>((tell) => {
    const no = () => tell(false);
    link.open({ connected: () => tell(true), refused: no, disconnected: no, invalidated: ignore, message: ignore });
  });
  return within(PATIENCE, opened);
}
