// A service worker, which runs the suite when it is told to.
import * as cachette from '../node_modules/cachette/dist/platform/browser.js';
import { full } from '../node_modules/cachette/dist/full/browser.js';
import { runAndReport } from '../browser/report.js';

addEventListener('activate', (event) => event.waitUntil(clients.claim()));
addEventListener('message', (event) => event.waitUntil(runAndReport({ ...cachette, full })));
