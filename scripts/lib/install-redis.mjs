import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';

const policyFile = '/usr/sbin/policy-rc.d';

/** Installs Debian's redis-server without letting the package start its service. Returns whether that worked. */
export function installRedis() {
  console.log('Installing redis-server (apt-get) …');
  // How Debian lets an administrator say "start nothing"; one that is there already is left as it is.
  const isOurs = !existsSync(policyFile);
  if (isOurs) writeFileSync(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return apt('update') && apt('install', '-y', '--no-install-recommends', 'redis-server');
  } finally {
    if (isOurs) rmSync(policyFile, { force: true });
  }
}

function apt(...args) {
  const result = spawnSync('apt-get', ['-q', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
  });
  if (result.status !== 0) console.error(`apt-get ${args.join(' ')} failed:\n${result.stdout}${result.stderr}`);
  return result.status === 0;
}
