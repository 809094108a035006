// A page, by the entry point that carries the module as text.
import * as cachette from 'cachette/inline';
import { runAndReport } from './report.js';

void runAndReport(cachette);
