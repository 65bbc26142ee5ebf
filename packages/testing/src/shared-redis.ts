import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { leash } from './leash.ts';
import { parseRedisUrl, type RedisAddress } from './plain-redis.ts';
import { findRedisBinary, serverArguments } from './redis-binary.ts';

let shared: RedisAddress | undefined;

/**
 * The Redis that all tests share: the one of TEST_REDIS_URL, which `npm test` sets, else a server that is started at the
 * first call, once a process, and ends with it. Other tests use it at the same time: take keys under `uniquePrefix()`,
 * never flush it, and start your own (`startRedis`) to break it or to count commands.
 *
 * It is synchronous so that it can be used where a test file is set up, outside of hooks.
 */
export function useRedis(): RedisAddress {
  shared ??= parseRedisUrl(process.env['TEST_REDIS_URL'] || startShared());
  return shared;
}

/** The URL of `useRedis()`. */
export async function redisUrl(): Promise<string> {
  return useRedis().url;
}

const findPort = `
const server = require('node:net').createServer();
server.listen(0, '127.0.0.1', () => { console.log(server.address().port); server.close(); });`;

/** Waits until the server answers and prints its process id. */
const waitForServer = `
const port = Number(process.argv[1]);
const end = Date.now() + 60000;
const attempt = () => {
  let text = '';
  const socket = require('node:net').connect({ host: '127.0.0.1', port }, () => socket.write('INFO server\\r\\n'));
  socket.on('data', (chunk) => {
    text += chunk;
    const pid = /process_id:(\\d+)\\r/.exec(text);
    if (pid !== null) { console.log(pid[1]); process.exit(0); }
  });
  socket.once('error', () => (Date.now() > end ? process.exit(1) : setTimeout(attempt, 10)));
};
attempt();`;

function startShared(): string {
  const port = Number(execFileSync(process.execPath, ['-e', findPort], { encoding: 'utf8' }));
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-redis-'));
  const child = spawn(findRedisBinary(), serverArguments(port, directory), { stdio: 'ignore' });
  child.unref();
  leash({ pid: child.pid, directory });
  const pid = Number(execFileSync(process.execPath, ['-e', waitForServer, String(port)], { encoding: 'utf8' }));
  // What was started may be no more than a launcher (`docker run`) that would not take its server with it.
  if (pid !== child.pid) leash({ pid });
  return `redis://127.0.0.1:${port}`;
}
