import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { node } from './paths.mjs';

export const nothingOnDisk = ['--save', '', '--appendonly', 'no'];

/** Runs `binary` on a free loopback port in a directory of its own. It ends with this process, however that ends. */
export async function runBinary(binary) {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, ...nothingOnDisk];
  // The shell waits for the end of a pipe that only this process holds; the kernel closes it even after kill -9.
  const script = `dir=$1; shift; trap '' INT TERM HUP; "$@" </dev/null >/dev/null & pid=$!; read -r _; kill -9 $pid; rm -rf -- "$dir"`;
  return tethered(port, script, [directory, binary, ...args]);
}

/**
 * Runs a container of `image`, where a Docker engine has answered (`redis-container.mjs`, which says how). It ends with this process,
 * however that ends.
 */
export async function runContainer(image, file = fileURLToPath(new URL('redis-container.mjs', import.meta.url))) {
  // Not told of a terminal's Ctrl-C, which would end it before the tests have ended.
  const child = spawn(node, [file, image], { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
  child.stdin.on('error', () => {});
  const ended = once(child, 'exit');
  const [line] = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended.then(() => [])]);
  if (line === undefined) throw new Error('See the message above; TEST_REDIS_URL names a Redis that needs no Docker.');
  return {
    url: line,
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}

async function tethered(port, script, args) {
  const shell = spawn('/bin/sh', ['-c', script, 'redis', ...args], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  });
  shell.stdin.on('error', () => {});
  await untilItAnswers(port);
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      const ended = once(shell, 'exit');
      shell.stdin.end();
      await ended;
    },
  };
}

async function untilItAnswers(port) {
  const end = performance.now() + 30_000;
  while (!(await answers(port))) {
    if (performance.now() > end) throw new Error(`Redis does not answer on port ${port}.`);
    await sleep(20);
  }
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write('PING\r\n'));
    const done = (isUp) => {
      socket.destroy();
      resolve(isUp);
    };
    socket.setTimeout(1_000, () => done(false));
    socket.once('data', () => done(true));
    socket.once('error', () => done(false));
    socket.once('close', () => resolve(false));
  });
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
