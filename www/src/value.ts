// One key, opened: its value a page at a time, and what may be done with it.

import { ReplyError, type Reply } from 'cachette';
import { byId, confirm, h, say } from './dom.js';
import { text, type Command, type Engine } from './engine.js';
import { bytes, count, duration } from './format.js';
import { factsOf, type Facts, type Key } from './keys.js';
import { bare, isPlain, textOrBytes } from './words.js';

const PAGE = 100;
/** Bytes of a string that can be edited here, and that are shown of a longer one. */
const EDITABLE = 65_536;
/** A collection is kept up to date while no more rows than this are shown. */
const LIVE_ROWS = 200;

interface Row {
  /** An index, a field, a score, an id; absent where members have no name. */
  label?: string;
  value: string;
}

interface Page {
  rows: Row[];
  /** Where the next page begins; undefined at the end. */
  next: string | undefined;
}

/** How a type is read. `measure` counts its items. */
interface Reader {
  measure: string;
  item: string;
  label?: string;
  page(engine: Engine, key: Key, from: string): Page;
}

export class ValuePane {
  private readonly pane = byId('value');
  private key: Key | undefined;
  private type = '';
  private shown: Row[] = [];
  private next: string | undefined;
  private editor: HTMLTextAreaElement | undefined;
  private stored = '';

  constructor(
    private readonly engine: Engine,
    private readonly guard: (work: () => void) => void,
    private readonly onClose: () => void,
  ) {
    this.pane.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.onClose();
    });
  }

  open(key: Key | undefined): void {
    this.key = key;
    this.pane.hidden = key === undefined;
    document.body.classList.toggle('has-value', key !== undefined);
    if (key === undefined) return;
    this.type = '';
    this.refresh();
    this.pane.scrollTop = 0;
  }

  /** Shows what changed; called once a second. */
  refresh(): void {
    const { key } = this;
    if (key === undefined || this.engine.inTransaction) return;
    this.guard(() => {
      const [facts] = factsOf(this.engine, [key]);
      if (facts!.type !== this.type) this.build(key, facts!);
      else this.update(key, facts!);
    });
  }

  /** Counts the time to live down. */
  tick(): void {
    const cell = document.getElementById('value-ttl');
    const deadline = Number(cell?.dataset.deadline ?? 0);
    if (cell !== null && deadline > 0) say(cell, `expires in ${duration(deadline - Date.now())}`);
  }

  // Building

  private build(key: Key, facts: Facts): void {
    this.type = facts.type;
    this.editor = undefined;
    this.shown = [];
    this.next = undefined;
    const close = h('button', { type: 'button', class: 'quiet close', 'aria-label': 'Close', onclick: () => this.onClose() }, '×');
    const name = h('h3', { class: 'key-name', title: bare(key) }, bare(key) || '(empty name)');
    const head = h('header', {}, h('span', { class: 'type', 'data-type': facts.type }, facts.type), name, close);
    if (facts.type === 'none') {
      this.pane.replaceChildren(head, h('p', { class: 'empty', role: 'status' }, 'This key is gone: it expired or was deleted.'));
      return;
    }
    const summary = h('p', { class: 'summary' }, h('span', { id: 'value-ttl' }), h('span', { id: 'value-bytes' }), h('span', { id: 'value-encoding' }), h('span', { id: 'value-length' }));
    this.pane.replaceChildren(head, summary, this.actions(key), h('p', { id: 'value-said', class: 'said', role: 'status' }), h('div', { id: 'value-body' }));
    this.paintFacts(key, facts);
    if (facts.type === 'string') this.buildString(key);
    else this.buildCollection(key);
  }

  private actions(key: Key): HTMLElement {
    const seconds = h('input', { type: 'number', id: 'expire-seconds', min: 1, value: 60, inputmode: 'numeric', 'aria-label': 'Seconds to live' });
    const expire = h('form', { class: 'joined' }, seconds, h('span', { 'aria-hidden': 'true' }, 's'), h('button', { type: 'submit' }, 'Expire'));
    expire.addEventListener('submit', (event) => {
      event.preventDefault();
      this.act(['EXPIRE', key, seconds.value.trim()], `Expires in ${seconds.value} s.`);
    });
    const persist = h('button', { type: 'button', onclick: () => this.act(['PERSIST', key], 'Stays for good.') }, 'Persist');
    const remove = h('button', { type: 'button', class: 'danger', onclick: () => void this.remove(key) }, 'Delete');
    return h('div', { class: 'actions' }, expire, persist, remove);
  }

  private async remove(key: Key): Promise<void> {
    if (await confirm(`Delete ${bare(key)}?`, 'Delete')) this.act(['DEL', key], 'Deleted.');
  }

  /** Runs a command of one of the buttons and says how it went. */
  private act(command: Command, done: string): void {
    let said = done;
    this.guard(() => {
      try {
        this.engine.run(command);
      } catch (error) {
        if (!(error instanceof ReplyError)) throw error;
        said = error.message;
      }
      this.refresh();
    });
    const status = document.getElementById('value-said');
    if (status !== null) say(status, said);
  }

  private update(key: Key, facts: Facts): void {
    if (facts.type === 'none') return;
    this.paintFacts(key, facts);
    if (this.type === 'string') this.updateString(key);
    else if (this.shown.length <= LIVE_ROWS) this.updateCollection(key);
  }

  private paintFacts(key: Key, facts: Facts): void {
    const ttl = byId('value-ttl');
    if (facts.deadline === undefined) {
      delete ttl.dataset.deadline;
      say(ttl, 'no expiry');
    } else {
      ttl.dataset.deadline = String(facts.deadline);
      this.tick();
    }
    say(byId('value-bytes'), facts.bytes === undefined ? '' : bytes(facts.bytes));
    say(byId('value-encoding'), facts.encoding ?? '');
    const reader = READERS[facts.type];
    const length = Number(this.engine.ask(reader?.measure ?? 'STRLEN', key) ?? 0);
    say(byId('value-length'), reader ? `${count(length)} ${reader.item}${length === 1 ? '' : 's'}` : `${count(length)} byte${length === 1 ? '' : 's'}`);
  }

  // Strings

  private read(key: Key): { value: string | Uint8Array; isWhole: boolean } {
    const length = Number(this.engine.ask('STRLEN', key) ?? 0);
    const reply = this.engine.ask('GETRANGE', key, 0, EDITABLE - 1);
    return { value: textOrBytes(reply instanceof Uint8Array ? reply : new Uint8Array()), isWhole: length <= EDITABLE };
  }

  private buildString(key: Key): void {
    const { value, isWhole } = this.read(key);
    const body = byId('value-body');
    this.stored = String(value);
    if (!isWhole || !isPlain(value)) {
      const why = isWhole ? 'Binary, so shown escaped and not to be edited here.' : `The first ${bytes(EDITABLE)}.`;
      body.replaceChildren(h('p', { class: 'note' }, why), h('pre', { class: 'text', tabindex: 0 }, typeof value === 'string' && isPlain(value) ? value : bare(value)));
      return;
    }
    const editor = h('textarea', { id: 'editor', spellcheck: 'false', 'aria-label': `Value of ${bare(key)}`, rows: Math.min(14, Math.max(3, value.split('\n').length + 1)) });
    editor.value = value;
    const save = h('button', { type: 'button', class: 'primary', disabled: true, onclick: () => this.save(key) }, 'Save');
    const revert = h('button', { type: 'button', disabled: true, onclick: () => this.setEditor(this.stored) }, 'Revert');
    editor.addEventListener('input', () => this.markEdited());
    editor.addEventListener('keydown', (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key === 'Enter') this.save(key);
    });
    this.editor = editor;
    body.replaceChildren(editor, h('div', { class: 'actions edit' }, save, revert));
  }

  private updateString(key: Key): void {
    const { value, isWhole } = this.read(key);
    if (String(value) === this.stored) return;
    const isEdited = this.editor !== undefined && this.editor.value !== this.stored;
    if (isEdited) return;
    if (this.editor === undefined || !isWhole || !isPlain(value)) return this.buildString(key);
    this.stored = value;
    this.setEditor(value);
  }

  private setEditor(value: string): void {
    if (this.editor === undefined) return;
    this.editor.value = value;
    this.markEdited();
  }

  private markEdited(): void {
    const isSame = this.editor?.value === this.stored;
    for (const button of byId('value-body').querySelectorAll('button')) button.disabled = isSame;
  }

  private save(key: Key): void {
    const value = this.editor?.value ?? '';
    this.act(['SET', key, value, 'KEEPTTL'], 'Saved.');
    const { value: now } = this.read(key);
    this.stored = String(now);
    this.markEdited();
  }

  // Collections

  private buildCollection(key: Key): void {
    const reader = READERS[this.type];
    const body = byId('value-body');
    if (reader === undefined) {
      body.replaceChildren(h('p', { class: 'note' }, `A ${this.type} cannot be shown here; the console can read it.`));
      return;
    }
    const head = h('tr', {}, reader.label !== undefined && h('th', { scope: 'col' }, reader.label), h('th', { scope: 'col' }, reader.item));
    const more = h('button', { type: 'button', class: 'fold', id: 'value-more', onclick: () => this.more(key) }, 'Show more');
    body.replaceChildren(h('table', {}, h('thead', {}, head), h('tbody', { id: 'value-rows' })), more);
    this.more(key);
  }

  private more(key: Key): void {
    this.guard(() => {
      const { rows, next } = READERS[this.type]!.page(this.engine, key, this.next ?? '');
      this.shown.push(...rows);
      this.next = next;
      byId('value-rows').append(...rows.map(rowOf));
      byId('value-more').hidden = next === undefined;
    });
  }

  /** Reads again what is shown and redraws it if it differs. */
  private updateCollection(key: Key): void {
    const reader = READERS[this.type];
    if (reader === undefined) return;
    const rows: Row[] = [];
    let next: string | undefined = '';
    while (next !== undefined && (rows.length === 0 || rows.length < this.shown.length)) {
      const page: Page = reader.page(this.engine, key, next);
      rows.push(...page.rows);
      next = page.next;
      if (page.rows.length === 0) break;
    }
    if (JSON.stringify(rows) === JSON.stringify(this.shown)) return;
    this.shown = rows;
    this.next = next;
    byId('value-rows').replaceChildren(...rows.map(rowOf));
    byId('value-more').hidden = next === undefined;
  }
}

function rowOf({ label, value }: Row): HTMLElement {
  return h('tr', {}, label !== undefined && h('td', { class: 'label' }, label), h('td', {}, value));
}

function plain(reply: Reply | undefined): string {
  return reply instanceof Uint8Array ? bare(textOrBytes(reply)) : text(reply);
}

function items(reply: Reply): Reply[] {
  return Array.isArray(reply) ? reply : [];
}

/** Pairs, whether they came as pairs (RESP3) or one after the other (RESP2). */
function pairs(reply: Reply[]): [Reply, Reply][] {
  if (reply.every((item) => Array.isArray(item))) return reply as unknown as [Reply, Reply][];
  return Array.from({ length: reply.length >> 1 }, (_, i) => [reply[2 * i]!, reply[2 * i + 1]!]);
}

/** A page by index: the same number of rows again, if so many came. */
function byIndex(from: string, read: (start: number, stop: number) => Row[]): Page {
  const start = Number(from || 0);
  const rows = read(start, start + PAGE - 1);
  return { rows, next: rows.length === PAGE ? String(start + PAGE) : undefined };
}

/** A page by cursor; small encodings come whole. */
function byCursor(reply: Reply, rows: (found: Reply[]) => Row[]): Page {
  const [cursor, found] = items(reply);
  const next = cursor === undefined ? '0' : text(cursor);
  return { rows: rows(items(found ?? null)), next: next === '0' ? undefined : next };
}

const READERS: Record<string, Reader> = {
  list: {
    measure: 'LLEN',
    item: 'element',
    label: 'index',
    page: (engine, key, from) =>
      byIndex(from, (start, stop) => items(engine.ask('LRANGE', key, start, stop)).map((item, i) => ({ label: String(start + i), value: plain(item) }))),
  },
  zset: {
    measure: 'ZCARD',
    item: 'member',
    label: 'score',
    page: (engine, key, from) =>
      byIndex(from, (start, stop) => {
        const found = items(engine.ask('ZRANGE', key, start, stop, 'WITHSCORES'));
        return pairs(found).map(([member, score]) => ({ label: plain(score), value: plain(member) }));
      }),
  },
  hash: {
    measure: 'HLEN',
    item: 'value',
    label: 'field',
    page: (engine, key, from) =>
      byCursor(engine.ask('HSCAN', key, from || '0', 'COUNT', PAGE), (found) => pairs(found).map(([field, value]) => ({ label: plain(field), value: plain(value) }))),
  },
  set: {
    measure: 'SCARD',
    item: 'member',
    page: (engine, key, from) => byCursor(engine.ask('SSCAN', key, from || '0', 'COUNT', PAGE), (found) => found.map((item) => ({ value: plain(item) }))),
  },
  stream: {
    measure: 'XLEN',
    item: 'entry',
    label: 'id',
    page: (engine, key, from) => {
      const found = items(engine.ask('XRANGE', key, from ? `(${from}` : '-', '+', 'COUNT', PAGE)).map((entry) => items(entry));
      const rows = found.map(([id, fields]) => ({ label: plain(id), value: pairs(items(fields ?? null)).map(([field, value]) => `${plain(field)} ${plain(value)}`).join(' · ') }));
      return { rows, next: rows.length === PAGE ? rows.at(-1)!.label : undefined };
    },
  },
};
