import { spawnSync } from 'node:child_process';
import { withoutTools } from './paths.mjs';

/**
 * Whether the package.json files of a workspace ask for what its pnpm-lock.yaml does not hold. To be asked after an
 * installation has failed: it compares files, and needs no registry.
 */
export function isLockfileOutdated(packageManager, directory) {
  const flags = ['--frozen-lockfile', '--lockfile-only', '--offline'];
  const { stdout, stderr } = spawnSync('npx', ['--yes', packageManager, 'install', ...flags], {
    cwd: directory,
    env: { ...withoutTools(), CI: 'true' },
    encoding: 'utf8',
  });
  return `${stdout}${stderr}`.includes('ERR_PNPM_OUTDATED_LOCKFILE');
}
