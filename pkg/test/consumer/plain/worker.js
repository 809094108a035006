// A dedicated worker. Import maps do not hold in workers, so it names the file.
import * as cachette from '../node_modules/cachette/dist/platform/browser.js';
import { full } from '../node_modules/cachette/dist/full/browser.js';
import { runAndReport } from '../browser/report.js';

void runAndReport({ ...cachette, full });
