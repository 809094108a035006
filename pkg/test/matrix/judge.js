// What a cell's outcome amounts to.

/** Fewer, and something did not run. */
const LEAST = { checks: 30, scenarios: 300 };

/** Runs a cell: its runtime's version, how many checks and scenarios held, and a text for each that did not. Does not throw. */
export async function judge(cell, lab) {
  let outcome;
  try {
    outcome = await cell.run(lab);
    if (outcome.error) throw new Error(outcome.error);
  } catch (error) {
    return { version: outcome?.version, checks: 0, scenarios: 0, problems: [String(error?.message ?? error)] };
  }
  const problems = [];
  const passed = {};
  for (const part of ['checks', 'scenarios']) {
    const failed = outcome[part].filter(({ error }) => error !== '');
    passed[part] = outcome[part].length - failed.length;
    problems.push(...failed.map(({ name, error }) => `${name}: ${error}`));
    if (outcome[part].length < (cell.least ?? LEAST)[part]) problems.push(`only ${outcome[part].length} ${part} ran`);
  }
  return { version: outcome.version, ...passed, problems };
}
