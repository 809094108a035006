// The built page in Chromium, served as `cargo xtask www` serves it.
// Environment: CHROMIUM, a browser. `cargo xtask test www` builds the page and sets it.

import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { preview } from 'vite';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

let server;
let browser;
let address;
/** The page under test, and whatever it complained about. */
let page;
let problems;

before(async () => {
  server = await preview({ root, logLevel: 'warn', preview: { host: '127.0.0.1', port: 0 } });
  address = server.resolvedUrls.local[0];
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGS });
});

after(async () => {
  await browser?.close();
  await server?.close();
});

/** A fresh page: an empty engine, no history. */
async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const opened = await context.newPage();
  problems = [];
  // A violation of the content policy is said on the console too.
  opened.on('console', (message) => ['error', 'warning'].includes(message.type()) && problems.push(message.text()));
  opened.on('pageerror', (error) => problems.push(String(error.stack)));
  opened.on('requestfailed', (request) => problems.push(`failed: ${request.url()}`));
  opened.on('response', (response) => response.status() >= 400 && problems.push(`${response.status()} ${response.url()}`));
  opened.on('request', (request) => !request.url().startsWith(address) && problems.push(`left the page: ${request.url()}`));
  await opened.goto(address);
  await opened.waitForSelector('body:not(.loading)');
  drawAfterInput(opened);
  return opened;
}

/** The page draws once a frame: what a test looks at after a key or a click has been drawn, however slow the machine. */
function drawAfterInput(opened) {
  const drawn = () => opened.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)))));
  const locator = Object.getPrototypeOf(opened.locator('body'));
  for (const [owner, name] of [[opened, 'click'], [opened, 'press'], [opened, 'fill'], [opened.keyboard, 'press'], [locator, 'click']]) {
    const act = owner[name].plain ?? owner[name];
    owner[name] = async function (...args) {
      const result = await act.apply(this, args);
      await drawn();
      return result;
    };
    owner[name].plain = act;
  }
}

async function close() {
  await page?.context().close();
  page = undefined;
  assert.deepEqual(problems, []);
}

/** Runs a line at the prompt; returns the reply's text. */
async function run(line) {
  await page.fill('#line', line);
  await page.press('#line', 'Enter');
  return lastReply();
}

function lastReply() {
  return page.evaluate(() => {
    const rows = [...document.querySelectorAll('#log .exchange:last-child .reply > *')];
    return rows.map((row) => row.textContent).join('\n');
  });
}

async function type(text) {
  await page.fill('#line', '');
  await page.locator('#line').pressSequentially(text);
}

const line = () => page.inputValue('#line');
const textOf = (selector) => page.textContent(selector);
const rowOf = (key) => page.locator('.key-row', { has: page.locator(`.name[title="${key}"]`) });

describe('console', () => {
  beforeEach(async () => {
    page = await open();
  });
  afterEach(close);

  test('it says what it is: version and size', async () => {
    await page.waitForFunction(() => document.querySelector('#wasm-size').textContent !== '');
    assert.match(await textOf('.brand p'), /^A Redis-compatible engine running inside this page/);
    assert.match(await textOf('#version'), /^version \d+\.\d+\.\d+/);
    assert.match(await textOf('#wasm-size'), /^\d+ KB of WebAssembly, gzipped$/);
  });

  test('the policy is in the page and in the header', async () => {
    const response = await page.request.get(address);
    const header = response.headers()['content-security-policy'];
    assert.match(header, /default-src 'none'; script-src 'self' 'wasm-unsafe-eval'/);
    assert.match(await response.text(), /http-equiv="Content-Security-Policy"/);
    assert.equal(await page.evaluate(() => crossOriginIsolated), true);
  });

  test('commands are answered as redis-cli shows them', async () => {
    assert.equal(await run('SET greeting "hello, world"'), 'OK');
    assert.equal(await run('GET greeting'), '"hello, world"');
    assert.equal(await run('GET missing'), '(nil)');
    assert.equal(await run('INCRBY n 42'), '(integer) 42');
    assert.equal(await run('RPUSH l a b'), '(integer) 2');
    assert.equal(await run('LRANGE l 0 -1'), '1) "a"\n2) "b"');
    assert.equal(await run('HSET h f v g w'), '(integer) 2');
    assert.equal(await run('HGETALL h'), '1# "f" ⇒ "v"\n2# "g" ⇒ "w"');
    assert.equal(await run('KEYS nothing*'), '(empty array)');
    const kinds = await page.$$eval('#log .row span:first-child', (spans) => spans.map(({ className }) => className));
    for (const kind of ['status', 'string', 'nil', 'integer', 'mark', 'empty']) assert.ok(kinds.includes(kind), kind);
  });

  test('nested replies are indented', async () => {
    await run('SET k v');
    assert.equal(await run('SCAN 0'), '1) "0"\n2) 1) "k"');
  });

  test('quotes, escapes and binary values survive', async () => {
    assert.equal(await run(String.raw`SET bin "a\x00\xff\"b"`), 'OK');
    assert.equal(await run('GET bin'), String.raw`"a\x00\xff\"b"`);
    assert.equal(await run("SET 'two words' 'it\\'s'"), 'OK');
    assert.equal(await run('GET "two words"'), '"it\'s"');
    assert.equal(await run('SET open "no end'), 'The quote " is not closed.');
  });

  test('errors are shown in the engine’s words and in plain ones', async () => {
    await run('SET k v');
    assert.match(await run('LPUSH k x'), /^\(error\) WRONGTYPE .*\nThe key holds another kind of value/);
    assert.match(await run('GTE k'), /^\(error\) ERR unknown command 'GTE'.*\nDid you mean GET/);
    assert.match(await run('GET'), /^\(error\) ERR wrong number of arguments .*\nUsage: GET key$/);
  });

  test('a long reply is folded and unfolds', async () => {
    await run(`RPUSH l ${Array.from({ length: 60 }, (_, i) => `item${i}`).join(' ')}`);
    await run('LRANGE l 0 -1');
    const rows = () => page.locator('#log .exchange:last-child .row').count();
    assert.equal(await rows(), 25);
    await page.click('#log .exchange:last-child .fold');
    assert.equal(await rows(), 60);
    assert.equal(await page.locator('.fold').count(), 0);
  });

  test('commands, subcommands, options and keys complete', async () => {
    await run('SET user:ada v');
    await page.waitForSelector('.key-row');
    await type('hgeta');
    assert.equal(await textOf('#ghost-rest'), 'll');
    await page.press('#line', 'ArrowRight');
    assert.equal(await line(), 'hgetall ');
    await type('CONFIG G');
    await page.press('#line', 'Tab');
    assert.equal(await line(), 'CONFIG GET ');
    await type('SET k v KEEP');
    await page.press('#line', 'Tab');
    assert.equal(await line(), 'SET k v KEEPTTL ');
    await type('GET us');
    await page.press('#line', 'Tab');
    assert.equal(await line(), 'GET user:ada ');
  });

  test('several candidates are offered, walked through and dismissed', async () => {
    await type('EXPIR');
    await page.waitForSelector('#candidates:not([hidden])');
    const offered = await page.$$eval('#candidates .name', (names) => names.map((name) => name.textContent));
    assert.deepEqual(offered.slice(0, 2), ['EXPIRE', 'EXPIREAT']);
    assert.equal(await page.getAttribute('#line', 'aria-activedescendant'), 'candidate-0');
    await page.press('#line', 'Tab');
    await page.press('#line', 'Tab');
    await page.press('#line', 'Tab');
    assert.equal(await line(), 'EXPIREAT');
    await page.press('#line', 'Escape');
    assert.equal(await page.isHidden('#candidates'), true);
  });

  test('the hint says where in the grammar one is', async () => {
    await type('SET k');
    assert.match(await textOf('#hint'), /^SET key value \[NX\|XX\].*EX seconds/);
    assert.equal(await textOf('#hint .now'), 'key');
    await type('SET k ');
    assert.equal(await textOf('#hint .now'), 'value');
    await type('SET k v EX ');
    assert.match(await textOf('#hint .now'), /^\[EX seconds/);
    // Places by mark: «now», ‹may›, passed or typed as they are, later ones after a dot.
    const marked = async (typed) => {
      await page.fill('#line', typed);
      const marks = { now: '«»', may: '‹›', done: '', later: '·' };
      const pieces = await page.$$eval('#hint .syntax span', (spans) => spans.map((span) => [span.className, span.textContent]));
      return pieces.map(([kind, text]) => (kind === 'later' ? `·${text}` : `${marks[kind][0] ?? ''}${text}${marks[kind][1] ?? ''}`)).join(' ');
    };
    assert.equal(await marked('EXPIRE k 1 '), 'EXPIRE key seconds ‹[NX|XX|GT|LT]›');
    assert.equal(await marked('ZADD k '), 'ZADD key ‹[NX|XX]› ‹[GT|LT]› ‹[CH]› ‹[INCR]› «score member [score member ...]»');
    assert.equal(await marked('ZADD k CH 1 '), 'ZADD key [NX|XX] [GT|LT] [CH] [INCR] «score member [score member ...]»');
    assert.equal(await marked('LPOP l '), 'LPOP key ‹[count]›');
    assert.equal(await marked('COPY a b DB '), 'COPY source destination «[DB destination-db]» ·[REPLACE]');
    assert.equal(await marked('CONFIG '), 'CONFIG «subcommand [argument ...]»');
  });

  test('help explains a command, a group, and where to begin', async () => {
    const help = await run('HELP expire');
    assert.match(help, /EXPIRE/);
    assert.match(help, /Usage.*EXPIRE key seconds.*Since.*Redis 1\.0\.0.*Cost.*O\(1\).*Group.*@generic/s);
    assert.match(await run('HELP'), /\d+ commands/);
    assert.match(await run('HELP @string'), /APPEND/);
    assert.match(await run('HELP nonsuch'), /There is no command NONSUCH/);
    await type('TTL k');
    await page.press('#line', 'F1');
    assert.match(await lastReply(), /TTL key/);
    assert.equal(await line(), 'TTL k');
  });

  test('the history is walked and survives a reload; Ctrl-L clears', async () => {
    await run('SET a 1');
    await run('SET b 2');
    await type('half');
    await page.press('#line', 'ArrowUp');
    assert.equal(await line(), 'SET b 2');
    await page.press('#line', 'ArrowUp');
    assert.equal(await line(), 'SET a 1');
    await page.press('#line', 'ArrowDown');
    await page.press('#line', 'ArrowDown');
    assert.equal(await line(), 'half');
    await page.reload();
    await page.waitForSelector('body:not(.loading)');
    await page.press('#line', 'ArrowUp');
    assert.equal(await line(), 'SET b 2');
    await run('PING');
    await page.press('#line', 'Control+l');
    assert.equal(await page.locator('.exchange').count(), 0);
  });

  test('Tab leaves an empty prompt', async () => {
    await page.focus('#line');
    await page.press('#line', 'Tab');
    assert.notEqual(await page.evaluate(() => document.activeElement.id), 'line');
  });

  test('a transaction shows in the prompt and holds the page’s own reads back', async () => {
    await run('SELECT 2');
    assert.equal(await textOf('#prompt'), 'cachette[2]>');
    await run('MULTI');
    assert.equal(await textOf('#prompt'), 'cachette[2](TX)>');
    assert.equal(await run('SET k v'), 'QUEUED');
    await page.waitForFunction(() => /EXEC or DISCARD/.test(document.querySelector('#keys-status').textContent));
    assert.equal(await run('EXEC'), '1) OK');
    await rowOf('k').waitFor();
  });

  test('a command that would wait answers at once, and the session lives on', async () => {
    if (/unknown command/.test(await run('BLPOP q 0'))) return;
    assert.match(await lastReply(), /^\(nil\)\nIt would wait here/);
    await run('RPUSH q x');
    assert.equal(await run('BLPOP q 0'), '1) "q"\n2) "x"');
    await run('SUBSCRIBE news');
    assert.equal(await run('PING'), 'PONG');
  });
});

describe('keys', () => {
  beforeEach(async () => {
    page = await open();
  });
  afterEach(close);

  test('keys are listed with type, time to live, bytes and encoding', async () => {
    await run('SET text v EX 100');
    await run('HSET hash f v');
    await rowOf('hash').waitFor();
    assert.equal(await rowOf('text').locator('.type').textContent(), 'string');
    assert.match(await rowOf('text').locator('.ttl').textContent(), /^1 m \d\d s$/);
    assert.equal(await rowOf('hash').locator('.ttl').textContent(), '–');
    assert.match(await rowOf('hash').locator('.bytes').textContent(), /^\d+ B$/);
    assert.equal(await rowOf('hash').locator('.encoding').textContent(), 'listpack');
  });

  test('a time to live counts down to expiry', async () => {
    await run('SET brief v PX 6000');
    await run('SET stays v');
    await rowOf('brief').waitFor();
    const first = await rowOf('brief').locator('.ttl').textContent();
    assert.match(first, /^\d\.\d s$/);
    await page.waitForFunction((before) => document.querySelector('.key-row .ttl')?.textContent !== before, first);
    await rowOf('brief').waitFor({ state: 'detached', timeout: 20_000 });
    await rowOf('stays').waitFor();
    await page.waitForFunction(() => /1 expired/.test(document.querySelector('.tile.keys .note').textContent));
  });

  test('the filter takes words, patterns and types', async () => {
    await run('MSET user:1 a user:2 b other c');
    await run('RPUSH user:list x');
    const shown = async (...names) => {
      await page.waitForFunction((wanted) => [...document.querySelectorAll('.key-row .name')].map((cell) => cell.title).sort().join() === wanted, names.join());
    };
    await shown('other', 'user:1', 'user:2', 'user:list');
    await page.fill('#pattern', 'ser');
    await shown('user:1', 'user:2', 'user:list');
    await page.fill('#pattern', 'user:?');
    await shown('user:1', 'user:2');
    assert.match(await textOf('#keys-status'), /^2 of 4 keys/);
    await page.fill('#pattern', '');
    await page.selectOption('#type', 'list');
    await shown('user:list');
    await page.fill('#pattern', 'nothing');
    await page.waitForSelector('#keys-empty:not([hidden])');
  });

  test('a string is opened, edited with its time kept, given a time, kept, deleted', async () => {
    await run('SET k before EX 500');
    await rowOf('k').click();
    assert.equal(await page.inputValue('#editor'), 'before');
    await page.fill('#editor', 'after');
    await page.click('text=Save');
    assert.equal(await run('GET k'), '"after"');
    assert.match(await run('TTL k'), /^\(integer\) (4\d\d|500)$/);
    await page.click('text=Persist');
    assert.equal(await run('TTL k'), '(integer) -1');
    await page.fill('#expire-seconds', '1000');
    await page.click('#value >> text="Expire"');
    assert.match(await run('TTL k'), /^\(integer\) (9\d\d|1000)$/);
    await page.click('#value >> text=Delete');
    await page.click('#confirm-no');
    assert.equal(await run('EXISTS k'), '(integer) 1');
    await page.click('#value >> text=Delete');
    await page.click('#confirm-yes');
    await page.waitForSelector('#value >> text=This key is gone');
    assert.equal(await run('EXISTS k'), '(integer) 0');
  });

  test('collections are shown a page at a time and follow changes', async () => {
    await run(`RPUSH long ${Array.from({ length: 150 }, (_, i) => i).join(' ')}`);
    await run('HSET pair name Ada');
    await rowOf('long').click();
    const rows = () => page.locator('#value-rows tr').count();
    assert.equal(await rows(), 100);
    await page.click('#value-more');
    assert.equal(await rows(), 150);
    assert.equal(await page.isHidden('#value-more'), true);
    await rowOf('pair').click();
    assert.equal(await textOf('#value-rows'), 'nameAda');
    await run('HSET pair name Grace');
    await page.waitForFunction(() => document.querySelector('#value-rows').textContent === 'nameGrace');
  });

  test('the list is used by keyboard', async () => {
    await run('MSET a 1 b 2 c 3');
    await rowOf('c').waitFor();
    await page.focus('#keys');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    assert.equal(await textOf('#value .key-name'), 'b');
    assert.equal(await rowOf('b').getAttribute('aria-selected'), 'true');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'value');
    await page.keyboard.press('Escape');
    assert.equal(await page.isHidden('#value'), true);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'keys');
  });

  test('binary names are listed and opened', async () => {
    await run(String.raw`SET "\xff\x00k" v`);
    await page.locator('.key-row').click();
    assert.equal(await textOf('#value .key-name'), String.raw`\xff\x00k`);
    assert.equal(await page.inputValue('#editor'), 'v');
  });

  test('100,000 keys: few rows in the page, and the list ends where it should', async () => {
    for (let i = 0; i < 10; i++) await run(`MSET ${Array.from({ length: 10_000 }, (_, n) => `k:${i * 10_000 + n} v`).join(' ')}`);
    await page.waitForFunction(() => /^100,000 keys/.test(document.querySelector('#keys-status').textContent), null, { timeout: 120_000 });
    assert.ok((await page.locator('.key-row').count()) < 80);
    await page.focus('#keys');
    await page.keyboard.press('End');
    await page.waitForSelector('.key-row[aria-rowindex="100001"]');
  });
});

describe('figures and workload', () => {
  beforeEach(async () => {
    page = await open();
  });
  afterEach(close);

  test('the demo data load, the traffic moves the figures, FLUSHALL empties', async () => {
    await page.click('#load');
    assert.match(await textOf('#status'), /^[\d,]+ commands in \d+ ms$/);
    await page.waitForFunction(() => parseInt(document.querySelector('#figure-keys').textContent.replace(',', ''), 10) > 2500);
    await page.check('#traffic', { force: true });
    await page.waitForFunction(() => /%$/.test(document.querySelector('#figure-hits').textContent), null, { timeout: 10_000 });
    await page.waitForFunction(() => parseInt(document.querySelector('#figure-commands').textContent, 10) > 100, null, { timeout: 10_000 });
    assert.ok((await page.getAttribute('.tile.memory .line', 'd')).includes('L'));
    await page.uncheck('#traffic', { force: true });
    await page.click('#flush');
    await page.click('#confirm-yes');
    assert.equal(await run('DBSIZE'), '(integer) 0');
  });

  test('a limit on memory is shown, and enforced', async () => {
    await page.selectOption('#limit', '1mb');
    await page.waitForFunction(() => /of 1 MB$/.test(document.querySelector('.tile.memory .note').textContent));
    assert.match(await run('CONFIG GET maxmemory'), /"1048576"/);
    await run(`SET big ${'x'.repeat(1_100_000)}`);
    assert.match(await run('SET k v'), /^\(error\) OOM|^OK$/);
  });

  test('what the page itself reads is not counted', async () => {
    await run('SET k v');
    await rowOf('k').waitFor();
    await page.waitForFunction(() => document.querySelector('.tile.commands .note').textContent === '1 in all');
    assert.equal(await textOf('.tile.hits .note'), 'nothing was looked up yet');
  });
});

describe('looks', () => {
  afterEach(close);

  for (const [scheme, isDark] of [['light', false], ['dark', true]]) {
    test(`${scheme} as the visitor prefers, with enough contrast`, async () => {
      page = await open({ colorScheme: scheme });
      await run('SET k v');
      await run('LPUSH k v');
      await run('GET k');
      await run('GET missing');
      await run('INCR n');
      await rowOf('k').click();
      const ground = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
      assert.equal(luminance(ground) < 0.2, isDark, ground);
      assert.deepEqual(await weakContrasts(), []);
    });
  }

  test('a phone’s width: one part at a time, nothing sticks out', async () => {
    page = await open({ viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
    await run('HSET user:with:a:rather:long:name:indeed field value');
    const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
    assert.equal(await page.isVisible('#console'), true);
    assert.equal(await page.isVisible('#browser'), false);
    assert.equal(await fits(), true);
    await page.tap('#views [data-view=browser]');
    await page.tap('.key-row');
    assert.equal(await page.isVisible('#value'), true);
    assert.equal(await fits(), true);
    await page.tap('#views [data-view=figures]');
    assert.equal(await page.isVisible('#figures'), true);
    assert.equal(await page.isVisible('#console'), false);
    assert.equal(await fits(), true);
  });

  test('every control has a name', async () => {
    page = await open();
    await run('SET k v');
    await rowOf('k').click();
    const nameless = await page.$$eval('button, input, select, textarea, [role=grid]', (controls) =>
      controls.filter((control) => !(control.textContent.trim() || control.ariaLabel || control.labels?.length || control.title)).map((control) => control.outerHTML),
    );
    assert.deepEqual(nameless, []);
  });
});

function luminance(color) {
  const [r, g, b] = color.match(/[\d.]+/g).map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Texts whose contrast to what is behind them is below 4.5. */
async function weakContrasts() {
  const pairs = await page.evaluate(() => {
    const behind = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const { backgroundColor } = getComputedStyle(at);
        if (!/, 0\)$/.test(backgroundColor)) return backgroundColor;
      }
      return 'rgb(255, 255, 255)';
    };
    const withText = [...document.querySelectorAll('body *')].filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
    const visible = withText.filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.matches(':disabled'));
    return visible.map((element) => [element.textContent.slice(0, 30), getComputedStyle(element).color, behind(element)]);
  });
  const contrast = ([, text, ground]) => {
    const [a, b] = [luminance(text), luminance(ground)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  return pairs.filter((pair) => contrast(pair) < 4.5);
}
