// The list of keys: walked with SCAN a slice a frame, drawn only where it is looked at, so that 100,000 keys are as calm as ten.

import { ReplyError, type Reply } from 'cachette';
import { byId, h, say } from './dom.js';
import type { Command, Engine } from './engine.js';
import { text } from './engine.js';
import { bytes, count, duration } from './format.js';
import { bare, textOrBytes } from './words.js';

/** A key's name as it is sent: text, or bytes where it is no text. */
export type Key = string | Uint8Array;

/** What is known about a key; undefined parts are not known by this engine. */
export interface Facts {
  type: string;
  /** Unix milliseconds; undefined for a key that stays. */
  deadline: number | undefined;
  bytes: number | undefined;
  encoding: string | undefined;
}

const ROW = 30;
/** Rows drawn beyond the visible ones, so that a scroll finds them there. */
const SPARE = 8;
/** Milliseconds of scanning a frame, and keys a SCAN call. */
const SLICE_MS = 6;
const SCAN_COUNT = 500;
/** Lists beyond this stay in SCAN's order: sorting them would be felt. */
const SORTED_UP_TO = 20_000;
const RESCAN_MS = 300;

export class KeyList {
  private readonly grid = byId('keys');
  private readonly space = byId('keys-space');
  private readonly pattern = byId<HTMLInputElement>('pattern');
  private readonly type = byId<HTMLSelectElement>('type');
  private readonly status = byId('keys-status');

  /** Names to show, in order; those that are no text are shown escaped and found in `binary`. */
  private names: string[] = [];
  private binary = new Map<string, Uint8Array>();
  private readonly rows = new Map<string, HTMLElement>();
  private readonly facts = new Map<string, Facts>();
  private selected: string | undefined;

  private scan: { cursor: string; names: Set<string>; binary: Map<string, Uint8Array>; started: number } | undefined;
  private isDirty = true;
  private nextScan = 0;
  private isDrawn = false;

  constructor(
    private readonly engine: Engine,
    private readonly guard: (work: () => void) => void,
    private readonly onSelect: (key: Key | undefined) => void,
  ) {
    engine.onChange(() => (this.isDirty = true));
    const refilter = () => {
      this.scan = undefined;
      this.isDirty = true;
      this.nextScan = 0;
      this.grid.scrollTop = 0;
      this.tick();
    };
    this.pattern.addEventListener('input', refilter);
    this.type.addEventListener('change', refilter);
    this.grid.addEventListener('scroll', () => this.draw(), { passive: true });
    this.grid.addEventListener('keydown', (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.grid);
    this.tick();
  }

  /** Names that begin with `prefix`, for completion. */
  startingWith(prefix: string, limit: number): string[] {
    const found: string[] = [];
    for (const name of this.names) {
      if (name.startsWith(prefix) && !this.binary.has(name)) found.push(name);
      if (found.length === limit) break;
    }
    return found;
  }

  /** Scans again if something changed since; called often. */
  tick(): void {
    if (this.engine.inTransaction) {
      say(this.status, 'Paused until EXEC or DISCARD: between them every command is queued.');
      return;
    }
    if (this.scan !== undefined || !this.isDirty || performance.now() < this.nextScan) return;
    this.isDirty = false;
    this.scan = { cursor: '0', names: new Set(), binary: new Map(), started: performance.now() };
    this.step();
  }

  /** Looks again at the rows in sight, and counts their times to live down. */
  refresh(): void {
    if (this.engine.inTransaction) return;
    this.look([...this.rows.keys()]);
    for (const [name, row] of this.rows) this.fill(row, name);
  }

  select(name: string | undefined, isOpened = true): void {
    this.selected = name;
    this.draw();
    if (isOpened) this.onSelect(name === undefined ? undefined : this.keyOf(name));
  }

  // Scanning

  private step(): void {
    const scan = this.scan;
    if (scan === undefined) return;
    this.guard(() => {
      const until = performance.now() + SLICE_MS;
      do {
        const reply = this.engine.ask(...this.scanCommand(scan.cursor));
        if (!Array.isArray(reply)) {
          this.scan = undefined;
          this.isDirty = true;
          say(this.status, this.engine.inTransaction ? '' : 'SCAN was refused; see what the console says to SCAN 0.');
          return;
        }
        this.take(scan, reply[1] as Reply[]);
        scan.cursor = text(reply[0]);
      } while (scan.cursor !== '0' && performance.now() < until);
      if (scan.cursor === '0') this.finish(scan);
      else {
        // The first walk is shown while it goes on, in growing steps; a later one when it is done, or the list would shrink and grow.
        if (this.names.length * 1.5 < scan.names.size) this.put([...scan.names], scan.binary);
        requestAnimationFrame(() => this.step());
      }
    });
  }

  private scanCommand(cursor: string): Command {
    const command: Command = ['SCAN', cursor, 'COUNT', SCAN_COUNT];
    const wanted = this.pattern.value.trim();
    // Plain text means "contains"; with a sign of a pattern in it, it is one.
    if (wanted !== '') command.push('MATCH', /[*?[\]\\]/.test(wanted) ? wanted : `*${wanted}*`);
    if (this.type.value !== '') command.push('TYPE', this.type.value);
    return command;
  }

  private take(scan: NonNullable<KeyList['scan']>, found: Reply[]): void {
    for (const item of found) {
      const name = textOrBytes(item as Uint8Array);
      if (typeof name === 'string') scan.names.add(name);
      else {
        scan.names.add(bare(name));
        scan.binary.set(bare(name), name);
      }
    }
  }

  private finish(scan: NonNullable<KeyList['scan']>): void {
    const names = [...scan.names];
    if (names.length <= SORTED_UP_TO) names.sort();
    this.scan = undefined;
    const took = performance.now() - scan.started;
    // A large list is walked less often: at most a twentieth of the time.
    this.nextScan = performance.now() + Math.max(RESCAN_MS, took * 20);
    this.put(names, scan.binary);
    const size = Number(this.engine.ask('DBSIZE') ?? names.length);
    const isFiltered = this.pattern.value.trim() !== '' || this.type.value !== '';
    const order = names.length > SORTED_UP_TO ? ', in the order of SCAN' : '';
    say(this.status, isFiltered ? `${count(names.length)} of ${keys(size)}${order}` : `${keys(names.length)}${order}`);
    const isEmpty = names.length === 0;
    byId('keys-empty').hidden = !isEmpty;
    say(byId('keys-empty'), isFiltered ? 'No key fits.' : 'No keys yet. Load the demo data, or SET one.');
  }

  private put(names: string[], binary: Map<string, Uint8Array>): void {
    this.names = names;
    this.binary = binary;
    if (this.facts.size > 2000) this.facts.clear();
    this.space.style.height = `${names.length * ROW}px`;
    this.grid.setAttribute('aria-rowcount', String(names.length + 1));
    this.draw();
  }

  private keyOf(name: string): Key {
    return this.binary.get(name) ?? name;
  }

  // Facts

  /** Asks for what the columns show, of all `names` in one crossing. */
  private look(names: readonly string[]): void {
    if (names.length === 0 || this.engine.inTransaction) return;
    this.guard(() => {
      const found = factsOf(this.engine, names.map((name) => this.keyOf(name)));
      names.forEach((name, i) => this.facts.set(name, found[i]!));
    });
  }

  // Drawing

  private draw(): void {
    if (this.isDrawn) return;
    this.isDrawn = true;
    requestAnimationFrame(() => {
      this.isDrawn = false;
      this.paint();
    });
  }

  private paint(): void {
    const first = Math.max(0, Math.floor(this.grid.scrollTop / ROW) - SPARE);
    const last = Math.min(this.names.length, Math.ceil((this.grid.scrollTop + this.grid.clientHeight) / ROW) + SPARE);
    const wanted = this.names.slice(first, last);
    const stays = new Set(wanted);
    for (const [name, row] of this.rows) {
      if (stays.has(name)) continue;
      row.remove();
      this.rows.delete(name);
    }
    this.look(wanted.filter((name) => !this.rows.has(name)));
    wanted.forEach((name, i) => {
      const row = this.rows.get(name) ?? this.makeRow(name);
      row.style.transform = `translateY(${(first + i) * ROW}px)`;
      row.setAttribute('aria-rowindex', String(first + i + 2));
      row.id = `key-${first + i}`;
      row.setAttribute('aria-selected', String(name === this.selected));
      this.fill(row, name);
    });
    const at = this.selected === undefined ? -1 : this.names.indexOf(this.selected);
    if (at >= first && at < last) this.grid.setAttribute('aria-activedescendant', `key-${at}`);
    else this.grid.removeAttribute('aria-activedescendant');
  }

  private makeRow(name: string): HTMLElement {
    const cell = (kind: string) => h('div', { class: kind, role: 'gridcell' });
    const row = h('div', { class: 'key-row', role: 'row' }, cell('name'), cell('type'), cell('ttl'), cell('bytes'), cell('encoding'));
    say(row.firstElementChild!, bare(this.keyOf(name)) || '(empty name)');
    row.firstElementChild!.setAttribute('title', bare(this.keyOf(name)));
    row.addEventListener('click', () => this.select(name));
    this.rows.set(name, row);
    this.space.append(row);
    return row;
  }

  private fill(row: HTMLElement, name: string): void {
    const facts = this.facts.get(name);
    const isGone = facts === undefined || facts.type === 'none';
    const [, type, ttl, size, encoding] = row.children as unknown as [Element, HTMLElement, Element, Element, Element];
    row.classList.toggle('gone', isGone);
    say(type, isGone ? 'gone' : facts.type);
    type.dataset.type = isGone ? 'none' : facts.type;
    const left = isGone || facts.deadline === undefined ? undefined : facts.deadline - Date.now();
    say(ttl, left === undefined ? '–' : duration(left));
    ttl.classList.toggle('soon', left !== undefined && left < 10_000);
    say(size, isGone || facts.bytes === undefined ? '–' : bytes(facts.bytes));
    say(encoding, isGone ? '' : (facts.encoding ?? '–'));
  }

  // Keys

  private key(event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor(this.grid.clientHeight / ROW) - 1);
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      if (this.selected !== undefined) byId('value').focus();
      return;
    }
    if (event.key === 'Escape') return this.select(undefined);
    if (step === undefined || this.names.length === 0) return;
    event.preventDefault();
    const at = this.selected === undefined ? -1 : this.names.indexOf(this.selected);
    const to = Math.min(Math.max(at + step, 0), this.names.length - 1);
    this.reveal(to);
    this.select(this.names[to]);
  }

  private reveal(index: number): void {
    const [top, height] = [index * ROW, this.grid.clientHeight];
    if (top < this.grid.scrollTop) this.grid.scrollTop = top;
    else if (top + ROW > this.grid.scrollTop + height) this.grid.scrollTop = top + ROW - height;
  }
}

function keys(n: number): string {
  return `${count(n)} ${n === 1 ? 'key' : 'keys'}`;
}

/** What the columns show about each key. A command that this engine lacks leaves its part undefined. */
export function factsOf(engine: Engine, wanted: readonly Key[]): Facts[] {
  const asked = wanted.flatMap((key): Command[] => [['TYPE', key], ['PEXPIRETIME', key], ['MEMORY', 'USAGE', key], ['OBJECT', 'ENCODING', key]]);
  const replies = engine.read(asked);
  const known = (reply: Reply | undefined) => (reply === undefined || reply === null || reply instanceof ReplyError ? undefined : reply);
  return wanted.map((_, i) => {
    const [type, deadline, size, encoding] = replies.slice(i * 4, i * 4 + 4).map(known);
    const at = Number(deadline ?? -1);
    return {
      type: type === undefined ? 'none' : text(type),
      deadline: at >= 0 ? at : undefined,
      bytes: size === undefined ? undefined : Number(size),
      encoding: encoding === undefined ? undefined : text(encoding),
    };
  });
}
