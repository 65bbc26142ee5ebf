import { existsSync } from 'node:fs';
import { findCommand, succeeds } from './commands.mjs';

const redisImage = 'redis:7-bookworm';

export const nothingFound = `The tests need a real Redis, and none was found. Any one of these will do:
  - set TEST_REDIS_URL, for example TEST_REDIS_URL=redis://127.0.0.1:6379
  - start Docker
  - install redis-server or valkey-server (macOS: brew install redis; Debian and Ubuntu: apt-get install redis-server)`;

/**
 * Where the tests get their Redis from, the first that there is: TEST_REDIS_URL, a Docker engine that answers, a server
 * on the PATH, a package that may be installed. `undefined`: nowhere.
 *
 * @param {object} machine what this machine has; only tests pass another one
 */
export function findRedis(machine = thisMachine) {
  if (machine.url) return { kind: 'url', url: machine.url };
  if (machine.hasDocker()) return { kind: 'docker', image: redisImage };
  const binary = machine.findServer();
  if (binary !== undefined) return { kind: 'binary', binary };
  return machine.canInstall() ? { kind: 'install' } : undefined;
}

export const findServer = () => findCommand(['redis-server', 'valkey-server']);

const thisMachine = {
  url: process.env.TEST_REDIS_URL,
  hasDocker: () => findCommand(['docker']) !== undefined && succeeds('docker', ['info'], 3_000),
  findServer,
  canInstall: () =>
    existsSync('/etc/debian_version') && process.getuid?.() === 0 && findCommand(['apt-get']) !== undefined,
};
