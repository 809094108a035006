// In a browser: runs the suite and reports to the server that the address's `lab` names, else to the page's own.
import { runSuite } from '../suite.js';

export async function runAndReport(cachette) {
  const { href, origin } = globalThis.location;
  const lab = new URL(href).searchParams.get('lab') ?? origin;
  let outcome;
  try {
    const scenarios = await (await fetch(`${lab}/scenarios.json`)).json();
    outcome = await runSuite(cachette, scenarios);
  } catch (error) {
    outcome = { error: String(error?.stack ?? error) };
  }
  await fetch(`${lab}/outcome`, { method: 'POST', body: JSON.stringify(outcome) });
}
