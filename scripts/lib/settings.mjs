import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { fail } from './fail.mjs';
import { node, root } from './paths.mjs';

/** Adds the variables of `.env` in the root to the environment; what is set already wins. */
export function loadDotEnv() {
  const file = join(root, '.env');
  if (!existsSync(file)) return;
  if (process.loadEnvFile === undefined) fail('.env needs Node 20.12 or later. Set the variables in the environment.');
  process.loadEnvFile(file);
}

/** What the configuration says about this start. Ends the process with all problems when it is not valid. */
export function readSettings() {
  const file = fileURLToPath(new URL('print-settings.mjs', import.meta.url));
  const result = spawnSync(node, [file], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (result.status !== 0) process.exit(result.status ?? 1);
  return JSON.parse(result.stdout);
}
