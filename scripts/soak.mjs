/** `npm run soak -- --minutes 30`: what grows in API, worker and embedded mode while they work? See `benchmarks/soak/soak.ts`. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { installIfNeeded } from './lib/install.mjs';
import { root, withTools } from './lib/paths.mjs';

installIfNeeded();
const { status } = spawnSync('node', ['--conditions=@holdfast/source', 'soak/soak.ts', ...process.argv.slice(2)], {
  cwd: join(root, 'benchmarks'),
  env: withTools(),
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
