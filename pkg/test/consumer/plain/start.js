// Starts the suite where the address says: `in=page`, `in=inline`, `in=worker` or `in=service-worker`.
const starts = {
  page: () => import('../browser/page.js'),
  inline: () => import('../browser/inline.js'),
  worker() {
    const worker = new Worker('worker.js', { type: 'module' });
    worker.onerror = (event) => report(event.message ?? 'the worker did not load');
  },
  async 'service-worker'() {
    const registration = await navigator.serviceWorker.register('service-worker.js', { type: 'module' });
    const worker = registration.installing ?? registration.waiting ?? registration.active;
    if (worker.state !== 'activated') await new Promise((resolve) => (worker.onstatechange = () => worker.state === 'activated' && resolve()));
    worker.postMessage('run');
  },
};

await starts[new URLSearchParams(location.search).get('in')]();
