/** Run as a check of its own: prints what the package.json files lack and exits with 1 when anything is. */
import { findBrokenManifests } from './manifest-rules.mjs';
import { root } from './paths.mjs';

const problems = findBrokenManifests(root);
if (problems.length > 0) {
  console.log(problems.join('\n'));
  process.exitCode = 1;
}
