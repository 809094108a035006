// A page whose bundler makes a worker.
new Worker(new URL('./page.js', import.meta.url), { type: 'module' });
