/**
 * Starts the API on the oldest Node that the packages say they run on (`engines`), and asks it for its health; and sees that
 * the worker loads there. That Node comes from the npm registry into a temporary folder, so that nothing in the workspace
 * finds it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildIfNeeded } from './lib/build.mjs';
import { fail } from './lib/fail.mjs';
import { installIfNeeded } from './lib/install.mjs';
import { root } from './lib/paths.mjs';

installIfNeeded();
buildIfNeeded();
const version = `${JSON.parse(readFileSync(join(root, 'apps/api/package.json'), 'utf8')).engines.node.slice(2)}.0`;
const directory = mkdtempSync(join(tmpdir(), 'holdfast-oldest-node-'));
let problem;
try {
  const node = fetchNode();
  problem = node === undefined ? 'npm could not install it' : (tryWorker(node) ?? (await tryApi(node)));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
if (problem !== undefined) fail(`Node ${version}: ${problem}.`);
console.log(`ok     API and worker run on Node ${version}`);

/** Its path; `undefined` when npm could not install it. */
function fetchNode() {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const args = ['install', '--prefix', directory, '--no-save', '--ignore-scripts', '--silent', `${name}@${version}`];
  const { status } = spawnSync('npm', args, { stdio: ['ignore', 'inherit', 'inherit'], timeout: 300_000 });
  return status !== 0 ? undefined : join(directory, 'node_modules', name, 'bin', 'node');
}

/** Without a Redis it refuses to run, which it can say only once everything is loaded. */
function tryWorker(node) {
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, HOLDFAST_DATA_DIR: join(directory, 'data') };
  const options = { cwd: root, env, encoding: 'utf8', timeout: 60_000 };
  const { stdout, stderr } = spawnSync(node, ['apps/worker/dist/main.js'], options);
  return stdout.includes('Without a Redis the worker') ? undefined : `the worker does not load: ${stdout}${stderr}`;
}

/** What is wrong, if anything is. */
async function tryApi(node) {
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, NODE_ENV: 'test', PORT: '0', HOLDFAST_DATA_DIR: join(directory, 'data') };
  const api = spawn(node, ['apps/api/dist/server.js'], { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(api, 'exit');
  const timer = setTimeout(() => api.kill('SIGKILL'), 60_000);
  try {
    const address = await untilReady(api.stdout);
    if (address === undefined) return 'the API ended, or took more than a minute, before it was ready';
    const response = await fetch(`${address}/health`);
    const { status } = await response.json();
    if (!response.ok || status !== 'ok') return `/health of the API answers ${response.status}, ${status}`;
    api.kill('SIGTERM');
    const [code] = await exited;
    return code === 0 ? undefined : `the API ended with ${code}`;
  } finally {
    clearTimeout(timer);
    api.kill('SIGKILL');
    await exited;
  }
}

/** Where it listens; `undefined` when it ends without having said so. */
async function untilReady(output) {
  for await (const line of createInterface({ input: output })) {
    const address = /"address":"([^"]+)".*"ready"/.exec(line)?.[1];
    if (address !== undefined) return address;
  }
  return undefined;
}
