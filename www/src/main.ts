// The page: puts its parts together and gives them their beat.

import { CacheCrashedError } from 'cachette';
import { version } from 'cachette/package.json';
import wasmUrl from 'cachette/wasm?url';
import './style.css';
import { dataSet, outcome, Traffic, type Outcome } from './demo.js';
import { Docs } from './docs.js';
import { byId, confirm, h, say } from './dom.js';
import { Engine } from './engine.js';
import { FigureTiles, PERIOD_MS } from './figures.js';
import { bytes, count } from './format.js';
import { KeyList } from './keys.js';
import { Repl } from './repl.js';
import { ValuePane } from './value.js';

/** Beats of the countdowns and of the traffic. */
const BEAT_MS = 200;
const TRAFFIC_MS = 100;

async function start(): Promise<void> {
  const engine = await Engine.create();
  const docs = new Docs(engine.describe('COMMAND', 'DOCS'));

  const crashed = () => {
    byId('crash').hidden = false;
  };
  /** Runs the page's own work: an engine that crashed is said once, and leaves the page usable. */
  const guard = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof CacheCrashedError)) throw error;
      crashed();
    }
  };

  const pane = new ValuePane(engine, guard, () => {
    list.select(undefined);
    byId('keys').focus();
  });
  const list: KeyList = new KeyList(engine, guard, (key) => pane.open(key));
  const tiles = new FigureTiles(engine);
  const repl = new Repl(engine, docs, (prefix, limit) => list.startingWith(prefix, limit), crashed);
  toolbar(engine, guard);
  views(repl);

  byId('restart').addEventListener('click', () => {
    engine.reset();
    byId('crash').hidden = true;
    list.select(undefined);
  });

  setInterval(() => guard(() => tiles.sample()), PERIOD_MS);
  setInterval(() => {
    if (document.hidden) return;
    list.tick();
    list.refresh();
    pane.tick();
  }, BEAT_MS);
  setInterval(() => !document.hidden && pane.refresh(), PERIOD_MS);

  document.body.classList.remove('loading');
  if (matchMedia('(min-width: 60em)').matches) repl.focus();
  void sayWhatItIs();
}

/** Version and size, as the visitor has them here. */
async function sayWhatItIs(): Promise<void> {
  say(byId('version'), `version ${version}`);
  const response = await fetch(wasmUrl);
  const packed = response.body!.pipeThrough(new CompressionStream('gzip'));
  let size = 0;
  const reader = packed.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) size += part.value.byteLength;
  say(byId('wasm-size'), `${bytes(size)} of WebAssembly, gzipped`);
}

function toolbar(engine: Engine, guard: (work: () => void) => void): void {
  const status = byId('status');
  const told = (text: string) => say(status, text);

  byId('load').addEventListener('click', () =>
    guard(() => {
      if (engine.inTransaction) return told('A transaction is open: EXEC or DISCARD first.');
      const start = performance.now();
      const { ran, refused, why } = outcome(engine.batch(dataSet()));
      const took = Math.max(1, Math.round(performance.now() - start));
      told(`${count(ran)} commands in ${took} ms${refused > 0 ? `; ${count(refused)} were refused: ${why}` : ''}`);
    }),
  );

  const traffic = new Traffic(engine);
  const toggle = byId<HTMLInputElement>('traffic');
  let timer: ReturnType<typeof setInterval> | undefined;
  let last: Outcome | undefined;
  toggle.addEventListener('change', () => {
    clearInterval(timer);
    told('');
    if (!toggle.checked) return;
    timer = setInterval(() => guard(() => {
      const now = traffic.play();
      // Said when it begins and when it ends, not ten times a second.
      if ((now.refused > 0) !== ((last?.refused ?? 0) > 0)) told(now.refused > 0 ? `Writes are being refused: ${now.why}` : 'Writes are taken again.');
      last = now;
    }), TRAFFIC_MS);
  });

  const limit = byId<HTMLSelectElement>('limit');
  limit.addEventListener('change', () =>
    guard(() => {
      const { value } = limit;
      if (engine.inTransaction) told('A transaction is open: EXEC or DISCARD first.');
      else if (engine.ask('CONFIG', 'SET', 'maxmemory', value) === null) told('This engine refuses that limit.');
      else told(value === '0' ? 'No limit on memory.' : `Memory is limited to ${limit.selectedOptions[0]!.text}.`);
    }),
  );

  byId('flush').addEventListener('click', () => {
    const { keys } = engine.figures();
    void confirm(`Remove all ${count(keys)} keys of every database?`, 'Remove all').then((isMeant) => {
      if (!isMeant) return;
      guard(() => told(outcome(engine.batch([['FLUSHALL']])).refused > 0 ? 'FLUSHALL was refused.' : 'Everything was removed.'));
    });
  });
}

/** On a narrow page one part is shown at a time. */
function views(repl: Repl): void {
  const buttons = [...document.querySelectorAll<HTMLButtonElement>('#views button')];
  for (const button of buttons) {
    button.addEventListener('click', () => {
      document.body.dataset.view = button.dataset.view;
      for (const other of buttons) other.setAttribute('aria-pressed', String(other === button));
      if (button.dataset.view === 'console') repl.focus();
    });
  }
  byId('confirm-yes').addEventListener('click', () => byId<HTMLDialogElement>('confirm').close('yes'));
  byId('confirm-no').addEventListener('click', () => byId<HTMLDialogElement>('confirm').close('no'));
}

start().catch((error: unknown) => {
  document.body.classList.remove('loading');
  byId('log').replaceChildren(h('p', { class: 'error' }, `The engine could not be started: ${error instanceof Error ? error.message : String(error)}`));
});
