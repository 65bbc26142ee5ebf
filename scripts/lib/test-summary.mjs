/**
 * Counts what a run of vitest said (its JSON report) and gives the line that closes `npm test`. A file that failed
 * without a failed test (it cannot be loaded, a hook threw) counts as one failure, and so does a run that failed outside
 * of any test (an unhandled rejection), or that ran nothing.
 */
export function summarize(report, exitCode) {
  const tests = (report?.testResults ?? []).flatMap((file) => file.assertionResults ?? []);
  const count = (...statuses) => tests.filter((test) => statuses.includes(test.status)).length;
  const passed = count('passed');
  const skipped = count('skipped', 'pending', 'todo', 'disabled');
  const brokenFiles = (report?.testResults ?? []).filter(
    (file) => file.status === 'failed' && !(file.assertionResults ?? []).some((test) => test.status === 'failed'),
  ).length;
  const seen = count('failed') + brokenFiles;
  const failed = seen === 0 && (exitCode !== 0 || passed === 0) ? 1 : seen;
  const line = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
  return { line, isGood: failed === 0 };
}

/** What to say of a run in which all tests were skipped; `undefined` where something ran, or could not. */
export function explainNothing(report, args) {
  const files = report?.testResults ?? [];
  const tests = files.flatMap((file) => file.assertionResults ?? []);
  if (tests.length === 0 || files.some(({ status }) => status === 'failed')) return undefined;
  if (tests.some(({ status }) => status === 'passed')) return undefined;
  const at = args.findIndex((arg) => arg === '-t' || arg === '--testNamePattern');
  const name = at === -1 ? /^--testNamePattern=(.*)$/m.exec(args.join('\n'))?.[1] : args[at + 1];
  return `${name === undefined ? 'No test has run' : `No test has a name that fits "${name}"`}: all were skipped.`;
}
