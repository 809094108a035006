// The prompt and what was said at it.

import { CacheCrashedError, ReplyError } from 'cachette';
import { complete, type Completion } from './complete.js';
import { usage, type Doc, type Docs, type Piece } from './docs.js';
import { byId, h, say } from './dom.js';
import type { Command, Engine } from './engine.js';
import { count, took } from './format.js';
import { lines, type Line } from './reply.js';
import { split } from './words.js';

/** Lines of a reply shown at once, and lines that each further click brings. */
const FOLD = 24;
const UNFOLD = 500;
/** Exchanges kept on the page, and lines kept in the history. */
const EXCHANGES = 200;
const HISTORY = 200;
/** Characters of a line that are shown again; longer lines are not kept for another visit either. */
const SHOWN = 500;
const STORE = 'cachette-console-history';

/** What Redis's wording leaves open, by the error's first word. */
const EXPLAINED: Record<string, string> = {
  WRONGTYPE: 'The key holds another kind of value. TYPE key says which.',
  OOM: 'Memory is at its limit. Raise the limit above, delete something, or let keys expire.',
  NOAUTH: 'A password was set with CONFIG SET requirepass. AUTH password lets you in.',
  EXECABORT: 'A command was refused while it was queued, so none of them ran.',
};

const EXAMPLES = ['SET greeting "hello, world" EX 60', 'INCRBY visits 41', 'ZADD board 310 ada 270 grace 295 alan', 'HSET user:1 name Ada born 1815', 'HELP SET'];

export class Repl {
  private readonly input = byId<HTMLInputElement>('line');
  private readonly log = byId('log');
  private readonly scroller = byId('transcript');
  private readonly popup = byId('candidates');
  private readonly ghost = byId('ghost-rest');
  private readonly ghostTyped = byId('ghost-typed');
  private readonly hintLine = byId('hint');

  private readonly history = loadHistory();
  /** Where in the history we are; at its length is the line being written, kept in `draft`. */
  private at = this.history.length;
  private draft = '';
  private completion: Completion | undefined;
  private chosen = 0;
  /** Candidates are offered while a word is typed, and else only when asked for. */
  private isOpen = false;
  /** Whether the end of the transcript is in sight. */
  private isAtEnd = true;

  constructor(
    private readonly engine: Engine,
    private readonly docs: Docs,
    private readonly keys: (prefix: string, limit: number) => string[],
    private readonly onCrash: () => void,
  ) {
    this.input.addEventListener('keydown', (event) => this.key(event));
    this.input.addEventListener('input', () => this.typed());
    this.input.addEventListener('click', () => this.look());
    this.input.addEventListener('blur', () => this.close());
    byId('prompt-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.submit();
    });
    byId('help').addEventListener('click', () => this.helpForLine());
    byId('clear').addEventListener('click', () => this.clear());
    // A click into the empty part of the transcript means the prompt; a selection is left alone.
    this.scroller.addEventListener('click', (event) => {
      if (event.target === this.scroller && String(getSelection()) === '') this.input.focus();
    });
    this.keepEndInSight();
    this.welcome();
    this.look();
  }

  /** Where the end is in sight it stays so, when what is around the transcript takes more or less room. */
  private keepEndInSight(): void {
    const { scroller } = this;
    let height = scroller.clientHeight;
    new ResizeObserver(() => {
      height = scroller.clientHeight;
      if (this.isAtEnd) this.toEnd();
    }).observe(scroller);
    const scrolled = () => {
      // A scroll that comes with a change of height was not the reader's.
      if (scroller.clientHeight === height) this.isAtEnd = scroller.scrollHeight - scroller.scrollTop - height < 8;
    };
    scroller.addEventListener('scroll', scrolled, { passive: true });
  }

  private toEnd(): void {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.isAtEnd = true;
  }

  focus(): void {
    this.input.focus({ preventScroll: true });
  }

  private submit(): void {
    const line = this.input.value.trim();
    this.input.value = '';
    this.isOpen = false;
    if (line !== '') this.execute(line);
    this.look();
  }

  /** Runs a line as if it had been typed. */
  execute(line: string): void {
    this.remember(line);
    const { words, problem } = split(line);
    const name = String(words[0]?.value).toUpperCase();
    if (problem === null && name === 'CLEAR' && words.length === 1) return this.clear();
    const prompt = this.prompt();
    if (problem !== null) return this.show(prompt, line, h('div', { class: 'reply' }, row([['error', problem]])));
    if (name === 'HELP' || name === '?') return this.show(prompt, line, this.help(words.slice(1).map(({ value }) => String(value))));
    const args = words.map(({ value }) => value);
    try {
      const reply = this.engine.run([String(args[0]), ...args.slice(1)] as Command);
      const answer = foldable(lines(name, reply));
      if (this.engine.wouldWait) answer.append(h('div', { class: 'explained' }, 'It would wait here for another client. This page has none, so it answers as if the time were up.'));
      this.show(prompt, line, answer, took(this.engine.tookMs));
    } catch (error) {
      this.show(prompt, line, this.failure(error));
      if (error instanceof CacheCrashedError) this.onCrash();
    }
    say(byId('prompt'), this.prompt());
  }

  private failure(error: unknown): HTMLElement {
    if (!(error instanceof ReplyError)) return h('div', { class: 'reply' }, row([['error', error instanceof Error ? error.message : String(error)]]));
    const explained = EXPLAINED[error.code] ?? this.explain(error);
    return h('div', { class: 'reply' }, row([['error', `(error) ${error.message}`]]), explained && h('div', { class: 'explained' }, explained));
  }

  private explain(error: ReplyError): string | undefined {
    const found = this.docs.find(error.command.split(' '));
    if (/wrong number of arguments/.test(error.message) && found) return `Usage: ${usage(found.doc)}`;
    if (/syntax error/.test(error.message) && found) return `Usage: ${usage(found.doc)}`;
    if (!/^ERR unknown command/.test(error.message) || this.docs.all.length === 0) return undefined;
    const near = this.docs.near(error.command);
    return near.length > 0 ? `Did you mean ${near.join(' or ')}?` : 'This engine has no such command. HELP lists those it has.';
  }

  private prompt(): string {
    const { db, inTransaction } = this.engine;
    return `cachette${db === 0 ? '' : `[${db}]`}${inTransaction ? '(TX)' : ''}>`;
  }

  private show(prompt: string, line: string, answer: HTMLElement, time = ''): void {
    const asked = h('div', { class: 'asked' }, h('span', { class: 'prompt' }, prompt), h('span', { class: 'line' }, shortened(line)), h('span', { class: 'took' }, time));
    this.log.querySelector('.welcome')?.remove();
    this.log.append(h('div', { class: 'exchange' }, asked, answer));
    while (this.log.childElementCount > EXCHANGES) this.log.firstElementChild!.remove();
    this.toEnd();
  }

  private clear(): void {
    this.log.replaceChildren();
    this.focus();
  }

  private welcome(): void {
    const example = (line: string) => h('li', {}, h('button', { type: 'button', class: 'example', onclick: () => this.example(line) }, line));
    this.log.append(
      h('div', { class: 'welcome' }, h('p', {}, 'Type a command, or begin with one of these:'), h('ul', {}, ...EXAMPLES.map(example))),
    );
  }

  private example(line: string): void {
    this.execute(line);
    this.focus();
  }

  // Help

  private helpForLine(): void {
    const [name, ...rest] = split(this.input.value).words.map(({ value }) => String(value));
    const line = name === undefined ? 'HELP' : ['HELP', ...(this.docs.find([name, ...rest])?.doc.name ?? name).split(' ')].join(' ');
    this.show(this.prompt(), line, this.help(line.split(' ').slice(1)));
    this.focus();
  }

  private help(about: string[]): HTMLElement {
    if (this.docs.all.length === 0) return h('div', { class: 'reply' }, row([['empty', 'This engine has no COMMAND DOCS, so there is nothing to tell.']]));
    if (about.length === 0) return this.overview();
    if (about[0]!.startsWith('@')) return this.group(about[0]!.slice(1).toLowerCase());
    const found = this.docs.find(about);
    if (found !== undefined) return helpCard(found.doc);
    if (this.docs.groups().includes(about[0]!.toLowerCase())) return this.group(about[0]!.toLowerCase());
    const near = this.docs.near(about[0]!);
    const hintAt = near.length > 0 ? ` Did you mean ${near.join(' or ')}?` : '';
    return h('div', { class: 'reply' }, row([['error', `There is no command ${about.join(' ').toUpperCase()}.${hintAt}`]]));
  }

  private overview(): HTMLElement {
    const button = (group: string) => h('button', { type: 'button', class: 'example', onclick: () => this.example(`HELP @${group}`) }, `@${group}`);
    return h(
      'div',
      { class: 'reply card' },
      h('p', {}, `${this.docs.all.length} commands. HELP command explains one, HELP @group lists a group:`),
      h('p', { class: 'groups' }, ...this.docs.groups().map(button)),
      h(
        'p',
        { class: 'keysheet' },
        ...keysheet(['Tab', 'completes'], ['→', 'takes the grey text'], ['↑ ↓', 'history'], ['Ctrl L', 'clears'], ['F1', 'help for the line']),
      ),
    );
  }

  private group(group: string): HTMLElement {
    const members = this.docs.all.filter((doc) => doc.group === group);
    if (members.length === 0) return h('div', { class: 'reply' }, row([['error', `There is no group @${group}. HELP lists them.`]]));
    const pairs = members.flatMap((doc) => [h('dt', {}, doc.name), h('dd', {}, doc.summary)]);
    return h('div', { class: 'reply card' }, h('dl', { class: 'members' }, ...pairs));
  }

  // Keys

  private key(event: KeyboardEvent): void {
    const { key, ctrlKey, metaKey, altKey, shiftKey } = event;
    if (event.isComposing) return;
    if (ctrlKey && key.toLowerCase() === 'l') {
      event.preventDefault();
      this.clear();
    } else if (ctrlKey && key.toLowerCase() === 'c' && this.input.selectionStart === this.input.selectionEnd && this.input.value !== '') {
      event.preventDefault();
      this.input.value = '';
      this.isOpen = false;
      this.look();
    } else if (ctrlKey || metaKey || altKey) {
      return;
    } else if (key === 'Tab') {
      if (this.tab(shiftKey)) event.preventDefault();
    } else if (key === 'ArrowRight' && this.atEnd() && this.ghost.textContent !== '') {
      event.preventDefault();
      this.accept();
    } else if (key === 'ArrowUp' || key === 'ArrowDown') {
      event.preventDefault();
      this.travel(key === 'ArrowUp' ? -1 : 1);
    } else if (key === 'Escape' && this.isOpen) {
      event.preventDefault();
      this.close();
    } else if (key === 'F1') {
      event.preventDefault();
      this.helpForLine();
    } else if (key.startsWith('Arrow') || key === 'Home' || key === 'End') {
      requestAnimationFrame(() => this.look());
    }
  }

  /** Completes; false where there is nothing to complete, so that Tab leaves the prompt as anywhere. */
  private tab(backwards: boolean): boolean {
    const found = this.completion;
    if (this.input.value === '' || found === undefined || found.candidates.length === 0) return false;
    const { candidates, start, end } = found;
    const word = this.input.value.slice(start, end);
    const isWhole = candidates.length === 1 && candidates[0]!.text === word;
    if (backwards && !this.isOpen) return false;
    if (isWhole) {
      // The word is complete: go on to the next.
      if (this.input.value.endsWith(' ') || !this.atEnd()) return false;
      this.insert(`${word} `);
      return true;
    }
    const common = sharedPrefix(candidates.map(({ text }) => text));
    if (candidates.length === 1) this.accept();
    else if (!this.isOpen) this.open();
    else if (common.length > word.length && common.toUpperCase().startsWith(word.toUpperCase()) && this.chosen === 0 && !backwards) this.insert(common);
    else if (this.cycling) this.choose(this.chosen + (backwards ? -1 : 1));
    else {
      this.cycling = true;
      this.choose(this.chosen);
    }
    return true;
  }

  /** Tab walks through the candidates, each put into the line as it is reached. */
  private cycling = false;

  private choose(index: number): void {
    const { candidates, start } = this.completion!;
    this.chosen = (index + candidates.length) % candidates.length;
    const { text } = candidates[this.chosen]!;
    const rest = this.input.value.slice(this.completion!.end);
    this.input.value = this.input.value.slice(0, start) + text + rest;
    this.completion!.end = start + text.length;
    this.input.setSelectionRange(start + text.length, start + text.length);
    this.paintPopup();
    this.paintGhost();
  }

  private accept(): void {
    const candidate = this.completion?.candidates[this.chosen];
    if (candidate !== undefined) this.insert(`${candidate.text} `);
  }

  private insert(text: string): void {
    const { start, end } = this.completion!;
    const value = this.input.value.slice(0, start) + text + this.input.value.slice(end).replace(/^\s+/, '');
    this.input.value = value;
    this.input.setSelectionRange(start + text.length, start + text.length);
    this.isOpen = !text.endsWith(' ');
    this.look();
  }

  private typed(): void {
    this.at = this.history.length;
    this.isOpen = true;
    this.look();
    // A space ends a word; what may follow is in the hint line, and offered by Tab.
    if (this.completion !== undefined && this.completion.start === this.completion.end) this.close();
  }

  private travel(step: number): void {
    const to = this.at + step;
    if (to < 0 || to > this.history.length) return;
    if (this.at === this.history.length) this.draft = this.input.value;
    this.at = to;
    this.input.value = this.history[to] ?? this.draft;
    this.input.setSelectionRange(this.input.value.length, this.input.value.length);
    this.isOpen = false;
    this.look();
  }

  private remember(line: string): void {
    if (this.history.at(-1) !== line) this.history.push(line);
    if (this.history.length > HISTORY) this.history.shift();
    this.at = this.history.length;
    this.draft = '';
    try {
      sessionStorage.setItem(STORE, JSON.stringify(this.history.filter(({ length }) => length <= SHOWN)));
    } catch {
      // A history that lasts only as long as the page is as good.
    }
  }

  private atEnd(): boolean {
    return this.input.selectionStart === this.input.value.length && this.input.selectionEnd === this.input.value.length;
  }

  // What is seen around the line

  private look(): void {
    const { value } = this.input;
    this.completion = complete(this.docs, this.keys, value, this.input.selectionStart ?? value.length);
    this.chosen = 0;
    this.cycling = false;
    if (value === '') this.isOpen = false;
    this.paintPopup();
    this.paintGhost();
    this.paintHint();
    say(byId('prompt'), this.prompt());
  }

  private open(): void {
    this.isOpen = true;
    this.paintPopup();
    this.paintGhost();
  }

  private close(): void {
    this.isOpen = false;
    this.paintPopup();
  }

  private paintPopup(): void {
    const { candidates, start, end } = this.completion ?? { candidates: [], start: 0, end: 0 };
    const isWhole = candidates.length === 1 && candidates[0]!.text === this.input.value.slice(start, end);
    const isShown = this.isOpen && candidates.length > 0 && !isWhole;
    this.popup.hidden = !isShown;
    this.input.setAttribute('aria-expanded', String(isShown));
    if (!isShown) {
      this.input.removeAttribute('aria-activedescendant');
      return;
    }
    const options = candidates.map(({ text, about }, i) => {
      const option = h('li', { role: 'option', id: `candidate-${i}`, 'aria-selected': String(i === this.chosen) });
      option.append(h('span', { class: 'name' }, text), h('span', { class: 'about' }, about));
      // Not click: the prompt would lose the focus first.
      option.addEventListener('pointerdown', (event) => {
        event.preventDefault();
        this.chosen = i;
        this.accept();
      });
      return option;
    });
    this.popup.replaceChildren(...options);
    this.input.setAttribute('aria-activedescendant', `candidate-${this.chosen}`);
    options[this.chosen]?.scrollIntoView({ block: 'nearest' });
  }

  private paintGhost(): void {
    const { value } = this.input;
    const { candidates, start, end } = this.completion ?? { candidates: [], start: 0, end: 0 };
    const text = candidates[this.chosen]?.text ?? '';
    const word = value.slice(start, end);
    const fits = word !== '' && this.atEnd() && text.length > word.length && text.startsWith(word) && this.input.scrollLeft === 0;
    say(this.ghostTyped, fits ? value : '');
    say(this.ghost, fits ? text.slice(word.length) : '');
  }

  private paintHint(): void {
    const { pieces, doc } = this.completion ?? { pieces: [], doc: undefined };
    this.hintLine.replaceChildren();
    if (doc === undefined) {
      if (this.input.value === '') this.hintLine.append(h('span', { class: 'about' }, this.docs.all.length > 0 ? `${this.docs.all.length} commands · Tab completes · HELP explains` : ''));
      return;
    }
    this.hintLine.append(h('span', { class: 'syntax' }, ...pieces.flatMap((piece) => [pieceOf(piece), ' '])), h('span', { class: 'about' }, doc.summary));
  }
}

function shortened(line: string): string {
  return line.length <= SHOWN ? line : `${line.slice(0, SHOWN)} … (${count(line.length)} characters)`;
}

function pieceOf({ text, state }: Piece): HTMLElement {
  return h('span', { class: state }, text);
}

function keysheet(...rows: [string, string][]): (Node | string)[] {
  return rows.flatMap(([key, does]) => [h('span', {}, h('kbd', {}, key), ` ${does}`), ' ']);
}

function helpCard(doc: Doc): HTMLElement {
  const facts: [string, string][] = [
    ['Usage', usage(doc)],
    ['Since', doc.since && `Redis ${doc.since}`],
    ['Cost', doc.complexity],
    ['Group', doc.group && `@${doc.group}`],
  ];
  const list = h('dl', {}, ...facts.filter(([, fact]) => fact !== '').flatMap(([name, fact]) => [h('dt', {}, name), h('dd', { class: name === 'Usage' ? 'usage' : '' }, fact)]));
  for (const sub of doc.subcommands) list.append(h('dt', { class: 'sub' }, sub.name.slice(doc.name.length + 1)), h('dd', {}, sub.summary));
  return h('div', { class: 'reply card' }, h('p', {}, h('strong', {}, doc.name), ' ', doc.summary), list);
}

function row(line: Line): HTMLElement {
  return h('div', { class: 'row' }, ...line.map(([kind, text]) => h('span', { class: kind }, text)));
}

/** The first lines of a reply, and a button for more if there are more. */
function foldable(all: Generator<Line>): HTMLElement {
  const box = h('div', { class: 'reply' });
  let next = all.next();
  const bring = (limit: number) => {
    const more = document.createDocumentFragment();
    for (let i = 0; i < limit && !next.done; i++, next = all.next()) more.append(row(next.value));
    box.append(more);
  };
  bring(FOLD);
  if (next.done) return box;
  // One line more costs no more than the button that would bring it.
  const rest = next.value;
  next = all.next();
  box.append(row(rest));
  if (next.done) return box;
  const button = h('button', { type: 'button', class: 'fold' }, 'Show more');
  button.addEventListener('click', () => {
    button.remove();
    bring(UNFOLD);
    if (!next.done) box.append(button);
  });
  box.append(button);
  return box;
}

function sharedPrefix(words: readonly string[]): string {
  let shared = words[0] ?? '';
  for (const word of words) while (!word.startsWith(shared)) shared = shared.slice(0, -1);
  return shared;
}

function loadHistory(): string[] {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(STORE) ?? '[]');
    return Array.isArray(stored) ? stored.filter((line): line is string => typeof line === 'string') : [];
  } catch {
    return [];
  }
}
