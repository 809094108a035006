'use client';
// The page: runs the suite once it is in the browser. While the page is made on the server, the module is only loaded.
import * as cachette from 'cachette';
import { useEffect } from 'react';
import { runAndReport } from '../suite/browser/report.js';

export default function Page() {
  useEffect(() => void runAndReport(cachette), []);
  return <p>cachette in Next</p>;
}
