// What a tier is told.

/**
 * What a write does while Redis is away: kept in the journal, readable at once, brought to Redis when it is back; kept in this process alone; or refused. Commands
 * (`tier.command`) whose keys are all `local` are run on an engine in this process that is empty at the beginning of each outage.
 */
export type OnDown = 'journal' | 'local' | 'fail';

/** A journal that lies in a file of this machine (Node, Bun, Deno): one tier's at a time. */
export interface JournalFile {
  file: string;
}

/** Where a journal's bytes are kept. One call at a time; what is thrown or rejected is told as the event `storage`, and all is written anew a second later. */
export interface JournalStorage {
  /** All that is kept. Asked once. */
  read(): Uint8Array | null | undefined | Promise<Uint8Array | null | undefined>;
  /** Keeps bytes after those that are kept. */
  append(records: Uint8Array): void | Promise<void>;
  /** Keeps these bytes and no others, whole or not at all. */
  replace(log: Uint8Array): void | Promise<void>;
  close?(): void | Promise<void>;
}

/** Options of `new Tier(client, options)`. Times are milliseconds, sizes bytes, shares percent. */
export interface TierOptions {
  /** Values come as `Uint8Array` where they would be strings. */
  bytes?: boolean;
  /** Bytes that L1 may take. Default: 64 MiB. */
  l1Bytes?: number;
  /** Larger values are not kept in L1. Default: 1 MiB. */
  l1ValueBytes?: number;
  /** How long an L1 entry is fresh at most. Default: as long as in Redis where Redis tells what changes, else 5,000. */
  l1MaxTtl?: number;
  /** Do not have Redis tell what changes, even where the client could. */
  tracking?: boolean;
  /**
   * Redis tells every change of keys below these prefixes, and remembers no readers (`BCAST`): for many keys in L1. Keys that begin with none of them are fresh for
   * `l1MaxTtl` only.
   */
  broadcast?: readonly string[];
  /** Where Redis tells no changes, tiers tell each other over this channel which keys they wrote. Not with a REST server. */
  backplane?: string;
  /** Default: 1,000. */
  connectTimeout?: number;
  /** After this a reader who can be given an older value is. Default: 50. */
  readSoft?: number;
  /** After this a read goes on without Redis. Default: 500. */
  readHard?: number;
  /** After this a write's outcome is unknown. Default: 1,000. */
  writeHard?: number;
  /** The longest time between two probes of a Redis that is down. Default: 1,250. */
  openMost?: number;
  /** How often a quiet connection is asked whether it lives, and after how long it counts as dead. Defaults: 1,000 and 2,900. */
  pingEvery?: number;
  silentAfter?: number;
  /** What writes do while Redis is away. Default: `journal`. */
  onDown?: OnDown;
  /** Acknowledge writes before Redis has them. */
  behind?: boolean;
  /** By prefix of the key, in place of the two above. */
  rules?: { prefix: string; onDown: OnDown; behind?: boolean }[];
  /** Commands that find no Redis answer null in place of an error. */
  nilOnDown?: boolean;
  /** Where what was journaled outlives this process: with the next tier that opens it, it goes to Redis. Default: nowhere. */
  journal?: JournalFile | JournalStorage;
  /** Bounds of the journal. Defaults: 10,000 and 16 MiB. */
  journalEntries?: number;
  journalBytes?: number;
  /** What becomes of a write that finds it full. Default: `reject`. */
  overflow?: 'reject' | 'dropOldest';
  /**
   * Journaled writes come to Redis in the order in which they were asked for, across keys: every one of them, one after the other's answer, and what is written
   * meanwhile after them.
   */
  ordered?: boolean;
  /**
   * Writes whose outcome is unknown are sent again within `writeHard`, once Redis answers, where doing them twice is doing them once (values set, keys removed,
   * deadlines), unless the key was written since. The first sending may still land after the second.
   */
  retryUnknown?: boolean;
  /** What is done with a journaled value when Redis is back: remove the key from Redis, or set it. Default: `invalidate`. */
  conflict?: 'invalidate' | 'overwrite';
  /** Default: 2,000. */
  replayPerSecond?: number;
  /** Store values with the time of their writing; other readers see those bytes. */
  envelope?: boolean;
  /** How long beyond its time a value may be given out, as stale, where Redis is away or a factory fails. */
  grace?: number;
  /** Share of a value's time after which it is made anew in the background. */
  earlyRefresh?: number;
  /**
   * Made anew before its end at a moment that each process draws by chance for itself, the earlier the longer factories take (XFetch): percent of the time
   * that a factory takes; 100 is usual, more is earlier.
   */
  earlyBeta?: number;
  /** How long one process may make a value while the others wait for it; without, each makes its own. */
  lease?: number;
  /** How long it is remembered that a factory made nothing. */
  negativeTtl?: number;
  /** Times to live are shortened at random by up to this share. */
  ttlJitter?: number;
  /** After these, readers who can be given an older value no longer wait for a factory, and nobody does. */
  factorySoft?: number;
  factoryHard?: number;
}

/** How a value is kept. */
export interface KeepOptions {
  /** Milliseconds to live; for ever without. */
  ttl?: number;
  /** Milliseconds for which it is fresh; from then on it is given out as stale while it is made anew. */
  fresh?: number;
  /** Names under which it can be invalidated. */
  tags?: readonly string[];
}

const OTHER = new Set(['bytes', 'rules', 'tracking', 'broadcast', 'journal']);

/** The options as the machine takes them: names and values in turn. */
export function optionWords(options: TierOptions, tracking: boolean, exclusive: boolean): string[] {
  const words = ['tracking', tracking ? '1' : '0', 'exclusive', exclusive ? '1' : '0', 'journalLog', options.journal ? '1' : '0'];
  for (const [name, value] of Object.entries(options)) {
    if (OTHER.has(name) || value === undefined) continue;
    words.push(name, typeof value === 'boolean' ? (value ? '1' : '0') : String(value));
  }
  for (const prefix of options.broadcast ?? []) words.push('broadcast', prefix);
  for (const { prefix, onDown, behind } of options.rules ?? []) words.push(`rule:${onDown}${behind === true ? '+behind' : ''}`, prefix);
  return words;
}

export function keepWords({ ttl, fresh, tags = [] }: KeepOptions): string[] {
  return [ttl, fresh].map((time) => (time === undefined ? '' : String(Math.max(1, Math.round(time))))).concat(tags);
}
