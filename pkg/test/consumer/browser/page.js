// A page, by the package's name: a bundler or an import map finds it.
import * as cachette from 'cachette';
import { full } from 'cachette/full';
import { runAndReport } from './report.js';

void runAndReport({ ...cachette, full });
