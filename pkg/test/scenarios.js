// Runs the language-free scenarios (tests/scenarios/, as `cargo test --test scenarios export` writes them) against anything that takes bytes and gives
// bytes: no test library, no Node. Bytes in the document are texts of the characters U+0000 to U+00FF.
//
// A target is `{ send(bytes) -> bytes, advance(ms), close() }`, one conversation with an empty cache.

/** Runs what the target can run, in one protocol; gives one result each: `{ name, error }`, error empty if it held. */
export function runScenarios(files, open, { resp, able = [] }) {
  const results = [];
  let skipped = 0;
  for (const file of files) {
    for (const scenario of file.scenarios) {
      for (const variant of file.variants) {
        if (!suits(scenario, variant, resp, able)) {
          skipped += 1;
          continue;
        }
        const place = [`RESP${resp}`, variant.name].filter(Boolean).join(', ');
        results.push({ name: `${file.name}: ${scenario.name} (${place})`, error: runOne(scenario, variant, open(), resp) });
      }
    }
  }
  return { results, skipped };
}

/** One conversation, whole requests, Redis 7.0: is that enough for the scenario? */
function suits(scenario, variant, resp, able) {
  if (scenario.only.length > 0 && !scenario.only.includes(variant.name)) return false;
  if (scenario.resp !== null && scenario.resp !== resp) return false;
  if (scenario.needs.some((need) => !able.includes(need))) return false;
  return scenario.steps.every((step) => (step.on ?? 'main') === 'main' && step.close === undefined && !step.closed && !step.read && step.answers !== '');
}

function runOne(scenario, variant, target, resp) {
  const run = new Run(target);
  try {
    // The door's own conversation may have begun in either protocol.
    run.command(['HELLO', String(resp)], { is: 'any', class: 'success' }, { is: 'any', class: 'success' });
    for (const [name, value] of [...variant.config, ...scenario.config]) {
      const ok = { is: 'simple', text: 'OK' };
      run.command(['CONFIG', 'SET', name, value], ok, ok);
    }
    for (const step of scenario.steps) run.step(step);
    return '';
  } catch (error) {
    return `${error?.message ?? error}\nreplay:\n${run.log.join('\n')}`;
  } finally {
    target.close();
  }
}

class Run {
  log = [];
  saved = new Map();
  resp = 2;

  constructor(target) {
    this.target = target;
  }

  step(step) {
    if (step.advance !== undefined) {
      this.log.push(`(advance ${step.advance} ms)`);
      this.target.advance(step.advance);
    } else if (step.raw !== undefined) {
      this.log.push(`raw ${JSON.stringify(step.raw).slice(0, 200)}`);
      const got = text(this.target.send(bytes(step.raw)));
      if (got !== step.answers) throw new Error(`expected ${JSON.stringify(step.answers)}, got ${JSON.stringify(got)}`);
    } else if (step.scan !== undefined) {
      this.scan(step);
    } else {
      for (let round = 0; round < step.repeat; round += 1) {
        const argv = this.fill(step.do, step.repeat > 1 ? round : undefined);
        const got = this.command(argv, step.two, step.three);
        if (step.save) this.saved.set(step.save, textOf(got));
      }
    }
  }

  fill(argv, round) {
    return argv.map((arg) => {
      let word = round === undefined ? arg : arg.replaceAll('$i', String(round));
      for (const [name, value] of this.saved) word = word.replaceAll(`$${name}`, value);
      return word;
    });
  }

  ask(argv) {
    this.log.push(argv.map((word) => (/^[!#-&(-[\]-~]+$/.test(word) ? word : JSON.stringify(word))).join(' '));
    const reply = this.target.send(encode(argv));
    return reply.length === 0 ? undefined : new Reader(reply).next();
  }

  command(argv, two, three) {
    const got = this.ask(argv);
    const silent = (this.resp === 3 ? three : two).is === 'nothing';
    if (got === undefined) {
      if (silent) return undefined;
      throw new Error(`${argv[0]}: no reply`);
    }
    const name = argv[0].toUpperCase();
    if (name === 'HELLO' && (got.is === 'map' || got.is === 'array')) this.resp = got.is === 'map' ? 3 : 2;
    const wanted = this.resp === 3 ? three : two;
    if (!fits(wanted, got, this.resp, this.saved)) {
      throw new Error(`${argv.join(' ').slice(0, 300)}\nexpected ${JSON.stringify(wanted)}\ngot ${JSON.stringify(got)}`);
    }
    if (name === 'RESET' && got.is !== 'error') this.resp = 2;
    return got;
  }

  /** Follows a cursor from 0 to 0. */
  scan({ scan, between, yields, includes, count }) {
    const pairs = /^[HZ]SCAN$/i.test(scan[0]);
    const seen = new Set();
    let cursor = '0';
    for (let round = 0; round < 100_000; round += 1) {
      const reply = this.ask(scan.map((word) => (word === '$cursor' ? cursor : word)));
      if (reply?.is !== 'array') throw new Error(`${scan.join(' ')}: got ${JSON.stringify(reply)}`);
      const items = reply.items[1].items.map(textOf);
      for (let at = 0; at < items.length; at += pairs ? 2 : 1) seen.add(JSON.stringify(items.slice(at, at + (pairs ? 2 : 1))));
      cursor = textOf(reply.items[0]);
      if (cursor === '0') {
        const all = (wanted) => wanted.every((element) => seen.has(JSON.stringify(element)));
        if (yields !== null && !(all(yields) && seen.size === yields.length)) throw new Error(`${scan.join(' ')}: got ${[...seen]}`);
        if (!all(includes)) throw new Error(`${scan.join(' ')}: something is missing`);
        if (count !== null && seen.size !== count) throw new Error(`${scan.join(' ')}: ${seen.size} elements, not ${count}`);
        return;
      }
      if (between !== null && this.ask(this.fill(between, round))?.is === 'error') throw new Error(`${between.join(' ')} failed`);
    }
    throw new Error(`${scan.join(' ')}: the cursor never came back to 0`);
  }
}

// ---- the notation, as support/notation.rs resolves it

/** Does a reply fit a pattern, read as a reply of this protocol version? */
export function fits(want, got, resp, saved = new Map()) {
  const three = resp === 3;
  /** What is a type of its own in RESP3 only. */
  const only3 = (is, before) => got.is === (three ? is : before) && got.text === want.text;
  switch (want.is) {
    case 'simple':
    case 'error':
    case 'bulk':
    case 'int':
      return got.is === want.is && got.text === want.text;
    case 'range':
      return got.is === 'int' && BigInt(want.low) <= BigInt(got.text) && BigInt(got.text) <= BigInt(want.high);
    case 'error-like':
      return got.is === 'error' && like(want.text, got.text);
    case 'like':
      return ['bulk', 'simple', 'verbatim'].includes(got.is) && like(want.text, got.text);
    case 'nil':
      return got.is === 'nil';
    case 'nil-array':
      return got.is === (three ? 'nil' : 'nil-array');
    case 'double':
      return only3('double', 'bulk');
    case 'big':
      return only3('big', 'bulk');
    case 'verbatim':
      return only3('verbatim', 'bulk');
    case 'bool':
      return three ? got.is === 'bool' && got.text === (want.value ? 't' : 'f') : got.is === 'int' && got.text === (want.value ? '1' : '0');
    case 'array':
      return got.is === 'array' && inOrder(want, got.items, resp, saved);
    case 'push':
      return got.is === (three ? 'push' : 'array') && inOrder(want, got.items, resp, saved);
    case 'unordered':
      return got.is === 'array' && inAnyOrder(want, got.items, resp, saved);
    case 'set':
      return got.is === (three ? 'set' : 'array') && inAnyOrder(want, got.items, resp, saved);
    case 'times':
      return (got.is === 'array' || got.is === 'set') && got.items.length === want.count && got.items.every((item) => fits(want.each, item, resp, saved));
    case 'map':
      return got.is === (three ? 'map' : 'array') && mapFits(want, got.items, resp, saved);
    case 'pairs': {
      if (got.is !== 'array') return false;
      const flat = three ? got.items.flatMap((pair) => (pair.is === 'array' && pair.items.length === 2 ? pair.items : [pair, pair, pair])) : got.items;
      return inOrder({ items: want.items }, flat, resp, saved);
    }
    case 'either':
      return want.items.some((choice) => fits(choice, got, resp, saved));
    case 'saved':
      return textOf(got) === saved.get(want.text);
    case 'any':
      return isOfClass(want.class, got, three);
    default:
      return false;
  }
}

function isOfClass(name, { is }, three) {
  switch (name) {
    case 'anything':
      return true;
    case 'success':
      return is !== 'error';
    case 'bulk':
      return is === 'bulk' || is === 'verbatim';
    case 'array':
      return is === 'array' || is === 'set';
    case 'map':
      return is === (three ? 'map' : 'array');
    case 'double':
      return is === (three ? 'double' : 'bulk');
    default:
      return is === name;
  }
}

/** With `open`, the listed elements must come in this order, others may stand between. */
function inOrder({ items, open }, got, resp, saved) {
  if (!open) return items.length === got.length && items.every((want, at) => fits(want, got[at], resp, saved));
  let at = 0;
  return items.every((want) => {
    while (at < got.length && !fits(want, got[at], resp, saved)) at += 1;
    at += 1;
    return at <= got.length;
  });
}

function inAnyOrder({ items, open }, got, resp, saved) {
  const left = [...got];
  const all = items.every((want) => {
    const at = left.findIndex((item) => fits(want, item, resp, saved));
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
  return all && (open || left.length === 0);
}

function mapFits({ items, open }, got, resp, saved) {
  if (got.length % 2 !== 0 || (!open && items.length !== got.length)) return false;
  for (let at = 0; at < items.length; at += 2) {
    let found = false;
    for (let other = 0; other < got.length && !found; other += 2) {
      found = fits(items[at], got[other], resp, saved) && fits(items[at + 1], got[other + 1], resp, saved);
    }
    if (!found) return false;
  }
  return true;
}

/** `*` stands for any bytes, everything else for itself. */
function like(glob, subject) {
  const parts = glob.split('*');
  if (parts.length === 1) return glob === subject;
  const [first, last] = [parts[0], parts[parts.length - 1]];
  if (subject.length < first.length + last.length || !subject.startsWith(first) || !subject.endsWith(last)) return false;
  let rest = subject.slice(first.length, subject.length - last.length);
  for (const part of parts.slice(1, -1)) {
    const at = rest.indexOf(part);
    if (at < 0) return false;
    rest = rest.slice(at + part.length);
  }
  return true;
}

// ---- RESP, read and written without help from the package that is being tested

function textOf(value) {
  return value?.text ?? '';
}

function bytes(characters) {
  return Uint8Array.from(characters, (character) => character.charCodeAt(0));
}

function text(view) {
  let out = '';
  for (let at = 0; at < view.length; at += 8192) out += String.fromCharCode(...view.subarray(at, at + 8192));
  return out;
}

function encode(argv) {
  return bytes(`*${argv.length}\r\n${argv.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`);
}

const LINES = { '+': 'simple', '-': 'error', ':': 'int', ',': 'double', '#': 'bool', '(': 'big', _: 'nil' };
const AGGREGATES = { '*': 'array', '~': 'set', '>': 'push', '%': 'map' };

class Reader {
  at = 0;

  constructor(view) {
    this.input = text(view);
  }

  next() {
    const end = this.input.indexOf('\r\n', this.at);
    if (end < 0) throw new Error('an incomplete reply');
    const [kind, head] = [this.input[this.at], this.input.slice(this.at + 1, end)];
    this.at = end + 2;
    if (LINES[kind]) return { is: LINES[kind], text: head };
    const length = Number(head);
    if (kind === '$' || kind === '=') {
      if (length < 0) return { is: 'nil' };
      const body = this.input.slice(this.at, this.at + length);
      this.at += length + 2;
      return kind === '$' ? { is: 'bulk', text: body } : { is: 'verbatim', text: body.slice(4) };
    }
    if (!AGGREGATES[kind]) throw new Error(`unknown reply type ${kind}`);
    if (length < 0) return { is: 'nil-array' };
    const items = Array.from({ length: kind === '%' ? length * 2 : length }, () => this.next());
    return { is: AGGREGATES[kind], items };
  }
}

// ---- a cache of the package as a target: its raw door, below the typed methods

/** Gives `open` for `runScenarios`: a fresh cache a scenario, with a clock of its own. The module must be at hand: `await Cachette.create()` once. */
export function instances({ Cachette }, engine) {
  let seed = 0n;
  return () => {
    let now = 1_764_000_000_000;
    seed += 1n;
    const cache = new Cachette({ now: () => now, seed, ...(engine !== undefined && { engine }) });
    const { raw } = cache.core;
    raw.turn(now);
    return {
      send(request) {
        const to = raw.input(request.length) >>> 0;
        new Uint8Array(raw.memory.buffer).set(request, to);
        const from = raw.execute(request.length) >>> 0;
        const length = new Uint32Array(raw.memory.buffer)[raw.area() >>> 2];
        return new Uint8Array(raw.memory.buffer).slice(from, from + length);
      },
      advance(ms) {
        now += ms;
        raw.turn(now);
        for (let due = raw.due(); due >= 0 && due <= now; due = raw.due()) raw.tick();
      },
      close: () => cache.close(),
    };
  };
}
