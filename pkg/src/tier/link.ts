// What stands between the machine and a client: one link a node, and whoever says which nodes there are.

import type { TierOptions } from './options.js';
import { isReplyError, refusalOf } from './replies.js';

/** A command: its words. */
export type Words = readonly Uint8Array[];

/** What a link tells. */
export interface Ears {
  connected(): void;
  /** No connection came about; the words of a server that lets nobody in, if that is why. */
  refused(words?: string): void;
  disconnected(): void;
  /** Keys changed; all, if none is named. */
  invalidated(keys: readonly Uint8Array[]): void;
  /** Another tier said something on the channel that was subscribed to. */
  message(message: Uint8Array): void;
}

/** What is told once there is a connection. */
export type OpenEars = Omit<Ears, 'connected' | 'refused'>;

/** The way to a node. When it opens and closes is for the machine to say. */
export interface Way {
  /** Commands may be sent. */
  readonly isOpen: boolean;
  open(ears: Ears): void;
  close(): void;
}

/** A way over a network. */
export interface Link extends Way {
  /** The replies, refusals among them as errors; undefined where the connection was lost, which its ears are told. Rejected where this request alone failed. */
  send(commands: readonly Words[]): Promise<unknown[] | undefined>;
}

/** What is wanted of a client. */
export interface Wanted {
  /** How long connecting may take. */
  timeout: number;
  /** Something is to be heard: of changes, or of what other tiers say. */
  listens: boolean;
}

/** What a client can do. */
export interface Driver {
  /** What the client is taken for. */
  readonly kind: string;
  /** Redis tells on the connection of the reads, or beside it, what changes. */
  readonly tracking: boolean;
  /** It can subscribe to a channel. */
  readonly channels: boolean;
  /** Options that are usual with it. */
  readonly defaults?: TierOptions;
  /** The way to the one node there is, or to those of a cluster. */
  readonly to: { way: Way } | { cluster: ClusterClient };
  /** Lets go of the client. */
  leave?(): void;
}

/** A client of a cluster, as far as it is asked. */
export interface ClusterClient {
  /** Addresses to begin with. */
  readonly seeds: readonly Address[];
  /** Where an address that the cluster names is reached from here. */
  map(address: Address): Address;
  /** Must have come true once before `link` is called. */
  ready(): Promise<void>;
  link(address: Address): Link;
}

export interface Address {
  host: string;
  port: number;
}

/** One connection from its beginning to its end, made for one set of ears. */
export interface Connection {
  /** Comes true when commands may be sent. */
  open(): Promise<void>;
  /** At once, whatever `open` is at. */
  close(): void;
  /** One promise a command; rejected with Redis's words, or with anything else where the connection is gone. */
  send(commands: readonly Words[]): Promise<unknown>[];
}

/** A link of connections, one after the other. Nothing is listened to of one that was given up. */
export class Reconnecting implements Link {
  private connection: Connection | undefined;
  private ears: Ears | undefined;
  isOpen = false;

  constructor(private readonly connect: (ears: OpenEars) => Connection) {}

  open(ears: Ears): void {
    this.close();
    const current = () => this.connection === connection;
    const connection = this.connect({
      disconnected: () => this.lost(connection, ears),
      invalidated: (keys) => current() && ears.invalidated(keys),
      message: (message) => current() && ears.message(message),
    });
    this.connection = connection;
    this.ears = ears;
    connection.open().then(
      () => {
        if (!current()) return;
        this.isOpen = true;
        ears.connected();
      },
      (error: unknown) => {
        if (!current()) return;
        this.close();
        ears.refused(refusalOf(error));
      },
    );
  }

  close(): void {
    const { connection } = this;
    this.connection = undefined;
    this.isOpen = false;
    connection?.close();
  }

  private lost(connection: Connection, ears: Ears): void {
    if (this.connection !== connection) return;
    this.close();
    ears.disconnected();
  }

  async send(commands: readonly Words[]): Promise<unknown[] | undefined> {
    const { connection, ears } = this;
    if (connection === undefined || !this.isOpen) return undefined;
    const outcomes = await Promise.allSettled(connection.send(commands));
    const replies = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason));
    if (outcomes.every(({ status }, at) => status === 'fulfilled' || isReplyError(replies[at]))) return replies;
    this.lost(connection, ears!);
    return undefined;
  }
}

const decoder = new TextDecoder();

/** Whether a command begins with these words. */
export function isCommand(command: Words, ...words: string[]): boolean {
  return words.every((word, at) => command[at]?.length === word.length && decoder.decode(command[at]) === word);
}

/** A client's own event emitter reports errors to whoever listens; what matters of them comes otherwise, too. */
export const ignore = (): void => undefined;
