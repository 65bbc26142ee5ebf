/**
 * How many cache GETs does one API process answer per second, beside a bare Fastify route that answers the same bytes?
 *
 * All servers are up at once and take turns, so that what the machine does meanwhile hits all of them alike.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { eventually, freePort, redisCommand, spawnNode, startRedis } from '@holdfast/testing';
import { load, median, type LoadResult } from './load.ts';
import { body, contentType } from './payload.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '64' },
    'log-level': { type: 'string', default: 'info' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const connections = Number(values.connections);
const path = '/v1/cache/prompts/benchmark';

interface Server {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  stop(): Promise<unknown>;
}

const directory = await mkdtemp(join(tmpdir(), 'holdfast-benchmark-'));
const redis = await startRedis();
await redisCommand(redis.url, 'SET', 'plain:prompts:benchmark', body);
const servers = [
  await startPeer('bare Fastify route', 'bare-fastify.ts'),
  await startPeer('Fastify + plain Redis GET', 'fastify-redis.ts', redis.url),
  await startHoldfast('Holdfast, memory engine', { HOLDFAST_DATA_DIR: directory }),
  await startHoldfast('Holdfast, Redis, L1 hit', { REDIS_URL: redis.url }),
  await startHoldfast('Holdfast, Redis, L2 hit', { REDIS_URL: redis.url, HOLDFAST_CONFIG: await withoutL1() }),
  ...(await startWebdis()),
];
try {
  report(await measure(servers));
} finally {
  await Promise.all(servers.map(async (server) => server.stop()));
  await redis.stop();
  await rm(directory, { recursive: true, force: true });
}

async function measure(list: readonly Server[]): Promise<Map<string, LoadResult[]>> {
  const results = new Map<string, LoadResult[]>(list.map(({ name }) => [name, []]));
  for (const server of list) await load(server, { connections, seconds: 2 }); // Warm: compiled, connected, cached.
  for (let round = 0; round < rounds; round += 1) {
    // Another one begins each time: nobody always runs in the wake of the same neighbour.
    for (let turn = 0; turn < list.length; turn += 1) {
      const server = list[(turn + round) % list.length];
      if (server !== undefined) results.get(server.name)?.push(await load(server, { connections, seconds }));
    }
  }
  return results;
}

function report(results: ReadonlyMap<string, readonly LoadResult[]>): void {
  const rates = (list: readonly LoadResult[]): number[] => list.map(({ requestsPerSecond }) => requestsPerSecond);
  const base = median(rates([...results.values()][0] ?? []));
  const processor = cpus()[0]?.model ?? 'unknown processor';
  console.log(
    `\n${connections} connections, ${Buffer.byteLength(body)} bytes, median of ${rounds} interleaved rounds of ${seconds} s`,
  );
  console.log(`Node ${process.version}, ${cpus().length} × ${processor}\n`);
  console.log(
    '| server | requests/s | lowest to highest | p99 | of bare Fastify | processor time of the server |\n|---|---:|---:|---:|---:|---:|',
  );
  for (const [name, list] of results) {
    const all = rates(list);
    const range = `${thousands(Math.min(...all))} to ${thousands(Math.max(...all))}`;
    const p99 = median(list.map((result) => result.p99));
    const share = Math.round((median(all) / base) * 100);
    console.log(`| ${name} | ${thousands(median(all))} | ${range} | ${p99} ms | ${share} % | ${time(list)} |`);
  }
}

async function startPeer(name: string, file: string, ...args: readonly string[]): Promise<Server> {
  const port = await freePort();
  const child = spawnNode(new URL(`servers/${file}`, import.meta.url), { args: [`${port}`, ...args] });
  await child.waitForLine(/^ready$/);
  return { name, url: `http://127.0.0.1:${port}${path}`, pid: child.pid, stop: async () => child.kill('SIGTERM') };
}

/** The process as it runs in production but for the build: the API with its log, its metrics and its checks. */
async function startHoldfast(name: string, env: Readonly<Record<string, string>>): Promise<Server> {
  const port = await freePort();
  const child = spawnNode(new URL('../apps/api/src/server.ts', import.meta.url), {
    // A folder for each: two processes do not share one.
    env: {
      HOLDFAST_DATA_DIR: join(directory, `${port}`),
      ...env,
      PORT: `${port}`,
      LOG_LEVEL: values['log-level'],
      LOG_FILE: join(directory, `${port}.log`),
    },
    cwd: directory,
  });
  const url = `http://127.0.0.1:${port}`;
  await untilReady(`${url}/health/ready`, child.exited);
  const written = await fetch(url + path, { method: 'PUT', body, headers: { 'content-type': contentType } });
  if (!written.ok) throw new Error(`${name}: PUT answered ${written.status} ${await written.text()}`);
  return { name, url: url + path, pid: child.pid, stop: async () => child.kill('SIGTERM') };
}

/** A configuration in which each hit asks Redis. */
async function withoutL1(): Promise<string> {
  const file = join(directory, 'without-l1.yaml');
  await writeFile(file, 'cache:\n  l1:\n    maxBytes: 0\n');
  return file;
}

/** Debian's `webdis`, where it is installed: Redis over HTTP, written in C. */
async function startWebdis(): Promise<Server[]> {
  const port = await freePort();
  const file = join(directory, 'webdis.json');
  const settings = { redis_host: redis.host, redis_port: redis.port, http_host: '127.0.0.1', http_port: port };
  await writeFile(file, JSON.stringify({ ...settings, threads: 1, daemonize: false, logfile: '/dev/null' }));
  const child = spawn('webdis', [file], { stdio: 'ignore' });
  const exited = once(child, 'exit').catch(() => undefined);
  const { pid } = child;
  if (pid === undefined) return [];
  const url = `http://127.0.0.1:${port}/GET/plain:prompts:benchmark?type=${encodeURIComponent(contentType)}`;
  await untilReady(url, exited);
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
  };
  return [{ name: 'Webdis', url, pid, stop }];
}

async function untilReady(url: string, exited: Promise<unknown>): Promise<void> {
  const ended = exited.then((): never => {
    throw new Error(`The process behind ${url} ended.`);
  });
  const answer = eventually(
    async () => {
      const { status } = await fetch(url);
      if (status !== 200) throw new Error(`${url} answered ${status}.`);
    },
    { timeoutMs: 30_000 },
  );
  await Promise.race([answer, ended]);
}

/** What another process takes away of the machine changes the rate, but hardly this. */
function time(list: readonly LoadResult[]): string {
  const times = list.flatMap(({ processorTime }) => (processorTime === null ? [] : [processorTime]));
  return times.length === 0 ? 'unknown' : `${median(times).toFixed(1)} µs`;
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString('en');
}
