import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from './fail.mjs';
import { scopeToInstall, stampOf, toolWorkspaces } from './install-scope.mjs';
import { isLockfileOutdated } from './lockfile.mjs';
import { node, root, withoutTools } from './paths.mjs';
import { workspaceFolders } from './workspaces.mjs';

const stampFile = join(root, 'node_modules', '.holdfast-install');

/**
 * Installs the workspace unless that has been done for exactly these manifests. The stamp is removed before and written
 * after, so an install that was interrupted is done again (pnpm continues where it stopped). `onlyToRun` is for `npm start`:
 * a first one does not wait for the tools of tests.
 */
export function installIfNeeded({ onlyToRun = false } = {}) {
  requireNode();
  const print = fingerprint();
  const stamp = existsSync(node) && existsSync(stampFile) ? readFileSync(stampFile, 'utf8') : undefined;
  const scope = scopeToInstall(stamp, print, onlyToRun);
  if (scope === 'nothing') return;

  if (stamp === undefined) console.log('Installing dependencies (first start only, ~30 s) …');
  else if (stamp.startsWith(print)) console.log('Installing the tools of tests and checks …');
  else console.log('Dependencies changed, installing …');
  rmSync(stampFile, { force: true });
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const without = scope === 'service' ? toolWorkspaces.map((path) => `--filter=!./${path}`) : [];
  // The tools that are being replaced must not run the replacing; and CI keeps pnpm from asking questions.
  const result = spawnSync(
    'npx',
    ['--yes', packageManager, 'install', '--frozen-lockfile', ...engineFlag(), ...without],
    {
      cwd: root,
      env: { ...withoutTools(), CI: 'true' },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  if (result.error !== undefined || result.status !== 0) {
    if (isLockfileOutdated(packageManager, root)) {
      fail(
        'pnpm-lock.yaml does not fit a package.json: dependencies were changed without it. If you changed them, run\n' +
          `\`npx ${packageManager} install\` and commit pnpm-lock.yaml with them; otherwise undo the change (git status).`,
      );
    }
    fail(
      `Installing the dependencies failed (npx ${packageManager}: ${result.error?.message ?? `exit ${result.status ?? result.signal}`}).\n` +
        'Check that the npm registry can be reached (npm ping) and that the disk has 1 GB free, then run the same command again:\n' +
        'it continues where it stopped. If it keeps failing, remove node_modules first.',
    );
  }
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  writeFileSync(stampFile, stampOf(print, scope));
}

function requireNode() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20) fail(`Node ${process.versions.node} is too old: install Node 20 or later (https://nodejs.org).`);
}

/** Packages are run by the Node that is installed with them: no warnings about the one that runs this script. */
function engineFlag() {
  const workspace = readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8');
  const version = /^\s+node: (\d+\.\d+\.\d+)$/m.exec(workspace)?.[1];
  return version === undefined ? [] : [`--config.node-version=${version}`];
}

/** A hash over all that decides what is installed. */
function fingerprint() {
  const hash = createHash('sha256');
  const manifests = workspaceFolders(root).map((folder) => `${folder}/package.json`);
  manifests.sort((a, b) => a.localeCompare(b, 'en'));
  for (const file of ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', ...manifests]) {
    const path = join(root, file);
    if (existsSync(path)) hash.update(file).update('\0').update(readFileSync(path)).update('\0');
  }
  // Native parts belong to one platform: a tree that was copied elsewhere is installed again.
  return hash.update(`${process.platform} ${process.arch}`).digest('hex');
}
