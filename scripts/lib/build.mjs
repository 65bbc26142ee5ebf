import { spawnSync } from 'node:child_process';
import { fail } from './fail.mjs';
import { root, withTools } from './paths.mjs';

/** Compiles what changed; `tsc -b` decides what that is, in about a second when it is nothing. */
export function buildIfNeeded() {
  const result = spawnSync('tsc', ['-b', 'tsconfig.build.json'], { cwd: root, env: withTools(), stdio: 'inherit' });
  if (result.error !== undefined || result.status !== 0) {
    fail(`The build failed${result.error === undefined ? '' : ` (${result.error.message})`}: see the messages above.`);
  }
}
