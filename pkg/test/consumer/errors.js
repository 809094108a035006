// A classic script, there before any module is: what goes wrong while modules load is reported too.
const lab = new URLSearchParams(location.search).get('lab') ?? location.origin;

function report(message) {
  void fetch(`${lab}/outcome`, { method: 'POST', body: JSON.stringify({ error: String(message) }) });
}

addEventListener('error', (event) => report(event.message ?? `${event.target.src} did not load`), true);
addEventListener('unhandledrejection', (event) => report(event.reason?.stack ?? event.reason));
