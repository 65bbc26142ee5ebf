import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCompose } from './compose.ts';
import type { ChildProcess } from 'node:child_process';
import type { AddressInfo } from 'node:net';

const password = 'a-password';
const hasRedis = ['redis-server', 'redis-cli'].every(
  (name) => spawnSync(name, ['--version'], { timeout: 10_000 }).status === 0,
);
const reason = hasRedis ? '' : ' (skipped: there is no redis-server with its redis-cli on the PATH)';

let folder: string;
let redis: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-compose-'));
  mkdirSync(join(folder, 'data'));
  for (const name of ['redis_cache_password', 'redis_durable_password']) writeFileSync(join(folder, name), password);
});

afterEach(async () => {
  if (redis !== undefined && redis.exitCode === null) {
    redis.kill('SIGKILL');
    await once(redis, 'close');
  }
  redis = undefined;
  rmSync(folder, { recursive: true });
});

// The commands of docker-compose.yml are shell scripts: they are run here as they stand, but for their paths.
describe.skipIf(!hasRedis)(`the Redis servers of docker-compose.yml${reason}`, () => {
  it.each([
    {
      name: 'redis-cache',
      settings: { 'maxmemory-policy': 'allkeys-lru', maxmemory: '268435456', appendonly: 'no', save: '' },
    },
    {
      name: 'redis-durable',
      settings: {
        'maxmemory-policy': 'noeviction',
        maxmemory: '536870912',
        appendonly: 'yes',
        appendfsync: 'everysec',
        save: '300 1',
      },
    },
  ] as const)(
    '$name starts with its settings, its password hidden, and is found healthy',
    async ({ name, settings }) => {
      const service = readCompose().services[name];
      const port = await freePort();
      const [shell = '', flags = '', script = ''] = service.command ?? [];
      redis = spawn(shell, [flags, local(script).replace('redis-server', `redis-server --port ${port}`)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await untilReady(redis);

      const [kind, test = ''] = service.healthcheck.test;
      expect(kind).toBe('CMD-SHELL');
      const probe = local(test).replace('redis-cli', `redis-cli -p ${port}`);
      expect(spawnSync('sh', ['-c', probe], { timeout: 10_000 }).status).toBe(0);
      // Without the password the probe must fail, although redis-cli itself exits with 0.
      expect(spawnSync('sh', ['-c', `redis-cli -p ${port} ping | grep -q PONG`], { timeout: 10_000 }).status).toBe(1);

      for (const [setting, value] of Object.entries(settings)) {
        expect(command(port, 'CONFIG', 'GET', setting)).toEqual([setting, value]);
      }
      expect(commandLine(redis.pid)).not.toContain(password);
    },
  );
});

/** A script as the container's shell gets it, with the container's paths turned into ours. */
function local(script: string): string {
  return script.replaceAll('$$', '$').replaceAll('/run/secrets', folder).replaceAll('/data', join(folder, 'data'));
}

function command(port: number, ...words: string[]): string[] {
  const { stdout } = spawnSync('redis-cli', ['-p', String(port), ...words], {
    encoding: 'utf8',
    env: { ...process.env, REDISCLI_AUTH: password },
    timeout: 10_000,
  });
  return stdout.replace(/\n$/, '').split('\n');
}

/** What a list of processes shows of one. */
function commandLine(pid: number | undefined): string {
  const file = `/proc/${pid}/cmdline`;
  if (existsSync(file)) return readFileSync(file, 'utf8');
  return spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8', timeout: 10_000 }).stdout;
}

async function untilReady(server: ChildProcess): Promise<void> {
  let output = '';
  for await (const chunk of server.stdout ?? []) {
    output += String(chunk);
    if (output.includes('Ready to accept connections')) return;
  }
  throw new Error(`redis-server ended:\n${output}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
