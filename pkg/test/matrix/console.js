// The console page (www/), built on the packed package, used as a visitor would in browsers that its own tests do not drive: keys and clicks only.
// Environment: CONSOLE, the folder of the built page. `cargo xtask matrix` builds it and sets it.

import { until } from './lab.js';

const visits = {
  async 'a command is typed and answered'(page) {
    await page.keys('#line', 'SET greeting hello', 'Enter');
    await shows(page, '#log .exchange:last-child .reply', /^OK$/);
    await page.keys('#line', 'GET greeting', 'Enter');
    await shows(page, '#log .exchange:last-child .reply', /^"hello"$/);
  },

  async 'a refusal is shown'(page) {
    await page.keys('#line', 'LPUSH greeting x', 'Enter');
    await shows(page, '#log .exchange:last-child .reply', /WRONGTYPE/);
  },

  async 'Tab completes, and the hint says where in the grammar one is'(page) {
    await page.keys('#line', 'HGETA', 'Tab');
    await until(async () => equal((await page.value('#line')).trim(), 'HGETALL'));
    await shows(page, '#hint', /HGETALL key/);
    await page.keys('#line', 'nosuch', 'Enter');
    await shows(page, '#log .exchange:last-child .reply', /\(empty/);
  },

  async 'help is given'(page) {
    await page.keys('#line', 'HELP expire', 'Enter');
    await shows(page, '#log .exchange:last-child .reply', /EXPIRE key seconds/);
  },

  async 'a key is listed, opened, and edited'(page) {
    await shows(page, '.key-row .name', /^greeting$/);
    await page.click('.key-row');
    await until(async () => equal(await page.value('#editor'), 'hello'));
    await page.keys('#editor', ' again');
    await page.click('#value .primary');
    await page.keys('#line', 'GET greeting', 'Enter');
    await shows(page, '#log .exchange:last-child .reply', /^"hello again"$/);
  },

  async 'the demo data load, and the figures move'(page) {
    await page.click('#load');
    await shows(page, '#status', /^[\d,]+ commands in \d+ ms$/);
    await until(async () => assert(Number((await page.text('#figure-keys')).replace(',', '')) > 2500, 'too few keys'));
  },

  async 'a key expires by itself'(page) {
    await page.keys('#line', 'SET brief v PX 50', 'Enter');
    await shows(page, '.tile.keys .note', /[1-9]\d* expired/);
  },
};

/** Opens the page in a browser; each visit is a check. */
export const consolePage = (browser) => async (lab) => {
  const { version, tab } = await lab.once(browser, () => browser(lab));
  const server = await lab.serve([process.env.CONSOLE]);
  const page = await tab(`${server.origin}/index.html`);
  const checks = [];
  try {
    await until(async () => assert((await page.text('#version')) !== '', 'the engine does not start'));
    for (const [name, visit] of Object.entries(visits)) {
      const error = await visit(page).then(() => '', (thrown) => String(thrown.stack ?? thrown));
      checks.push({ name, error });
    }
    if (server.missed.length > 0) throw new Error(`not found: ${server.missed.join(', ')}`);
  } finally {
    await page.close();
    server.close();
  }
  return { version, checks, scenarios: [] };
};

const shows = (page, selector, pattern) =>
  until(async () => {
    const text = await page.text(selector);
    assert(pattern.test(text), `${selector} shows ${JSON.stringify(text)}, not ${pattern}`);
  });

const equal = (found, wanted) => assert(found === wanted, `${JSON.stringify(found)} is not ${JSON.stringify(wanted)}`);

function assert(held, otherwise) {
  if (!held) throw new Error(otherwise);
}
