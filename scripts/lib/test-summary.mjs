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

/** What to say of a run in which nothing ran, though nothing failed; `undefined` where something did. */
export function explainNothing(report, args) {
  // vitest ended before it wrote a report, and has said why.
  if (report === undefined) return undefined;
  const files = report.testResults ?? [];
  if (files.length === 0) {
    const patterns = args.filter((arg, at) => !arg.startsWith('-') && !isValue(args[at - 1]));
    const asked = patterns.length > 0 ? ` with ${patterns.map((one) => `"${one}"`).join(' or ')} in its path` : '';
    return `There is no test file${asked}. \`npm test -- PATTERN\` runs those whose path holds the pattern: \`npm test -- queue/test/outbox\`.`;
  }
  const ran = files
    .flatMap((file) => file.assertionResults ?? [])
    .some(({ status }) => status === 'passed' || status === 'failed');
  if (!ran && files.every(({ status }) => status !== 'failed')) {
    const name = args[args.findIndex((arg) => arg === '-t' || arg === '--testNamePattern') + 1];
    return `No test${name === undefined ? '' : ` has a name that fits "${name}"`}: all were skipped.`;
  }
  return undefined;
}

/** Whether what follows this argument of vitest belongs to it. */
const isValue = (before) => before === '-t' || before === '--testNamePattern' || before === '--project';
