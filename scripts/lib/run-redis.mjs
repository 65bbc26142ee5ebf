import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const nothingOnDisk = ['--save', '', '--appendonly', 'no'];

/** Runs `binary` on a free loopback port in a directory of its own. It ends with this process, however that ends. */
export async function runBinary(binary) {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, ...nothingOnDisk];
  // The shell waits for the end of a pipe that only this process holds; the kernel closes it even after kill -9.
  const script = `dir=$1; shift; trap '' INT TERM HUP; "$@" </dev/null >/dev/null & pid=$!; read -r _; kill -9 $pid; rm -rf -- "$dir"`;
  return tethered(port, script, [directory, binary, ...args]);
}

/** Runs a Redis container on a free loopback port. */
export async function runContainer(image) {
  const port = await freePort();
  const name = `holdfast-test-${process.pid}-${port}`;
  const args = [
    'run',
    '--rm',
    '-d',
    '--name',
    name,
    '-p',
    `127.0.0.1:${port}:6379`,
    image,
    'redis-server',
    ...nothingOnDisk,
  ];
  const result = spawnSync('docker', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (result.status !== 0) throw new Error(`docker run ${image} failed (exit ${result.status}).`);
  const script = `trap '' INT TERM HUP; read -r _; docker rm -f "$1" >/dev/null 2>&1`;
  return tethered(port, script, [name]);
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
