/** Run as a check of its own: prints what breaks the import rules and exits with 1 when anything does. */
import { findBrokenRules } from './import-rules.mjs';
import { root } from './paths.mjs';

const problems = findBrokenRules(root);
if (problems.length > 0) {
  console.log(problems.join('\n'));
  process.exitCode = 1;
}
