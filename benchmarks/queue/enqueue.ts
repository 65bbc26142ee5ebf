/**
 * How many jobs a second does one API process take over REST, beside a Fastify route that calls BullMQ's `add`?
 *
 * Both are up at once, on one Redis, and take turns. No worker runs; the queues are emptied between the rounds.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { eventually, freePort, redisCommand, spawnNode, startRedis } from '@holdfast/testing';
import { load, median, type LoadResult } from '../load.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '64' },
  },
});
const [rounds, seconds, connections] = [values.rounds, values.seconds, values.connections].map(Number) as [
  number,
  number,
  number,
];
const post = JSON.stringify({ data: { url: 'https://example.com/hook', body: 'x'.repeat(150) } });

interface Round extends LoadResult {
  /** Microseconds of processor time that Redis spent for each job. */
  readonly redisTime: number;
}

const directory = await mkdtemp(join(tmpdir(), 'holdfast-benchmark-'));
const redis = await startRedis();
const servers = [await startPeer(), await startHoldfast()];
try {
  const results = new Map<string, Round[]>(servers.map(({ name }) => [name, []]));
  for (const server of servers) await load({ ...server, post }, { connections, seconds: 2 });
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < servers.length; turn += 1) {
      const server = servers[(turn + round) % servers.length];
      if (server === undefined) continue;
      await redisCommand(redis.url, 'FLUSHALL');
      const before = await redisTime();
      const result = await load({ ...server, post }, { connections, seconds });
      const jobs = result.requestsPerSecond * seconds;
      results.get(server.name)?.push({ ...result, redisTime: ((await redisTime()) - before) / jobs });
    }
  }
  report(results);
} finally {
  await Promise.all(servers.map(async (server) => server.stop()));
  await redis.stop();
  await rm(directory, { recursive: true, force: true });
}

/** Microseconds of processor time that Redis has spent. */
async function redisTime(): Promise<number> {
  const info = String(await redisCommand(redis.url, 'INFO', 'cpu'));
  const seconds = ['used_cpu_sys', 'used_cpu_user'].map((name) =>
    Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1]),
  );
  return seconds.reduce((sum, each) => sum + each, 0) * 1_000_000;
}

function report(results: ReadonlyMap<string, readonly Round[]>): void {
  const [peer = []] = results.values();
  console.log(
    `\n${connections} connections, ${post.length} bytes, median of ${rounds} interleaved rounds of ${seconds} s\n`,
  );
  console.log(
    "| | jobs/s | of the peer | p99 | processor time a job | of the peer's | of Redis | of the peer's |\n|---|---:|---:|---:|---:|---:|---:|---:|",
  );
  for (const [name, list] of results) {
    const rate = median(list.map(({ requestsPerSecond }) => requestsPerSecond));
    const times = list.map(({ processorTime }) => processorTime ?? Number.NaN);
    const ofPeer = (of: (result: Round) => number): number =>
      median(list.map((result, round) => of(result) / of(peer[round] ?? result)));
    console.log(
      `| ${name} | ${Math.round(rate).toLocaleString('en')} | ${ofPeer((result) => result.requestsPerSecond).toFixed(2)}× | ${median(list.map(({ p99 }) => p99))} ms | ${Math.round(median(times))} µs | ${ofPeer((result) => result.processorTime ?? Number.NaN).toFixed(2)}× | ${Math.round(median(list.map(({ redisTime: time }) => time)))} µs | ${ofPeer((result) => result.redisTime).toFixed(2)}× |`,
    );
  }
}

async function startPeer() {
  const port = await freePort();
  const child = spawnNode(new URL('../servers/fastify-bullmq.ts', import.meta.url), {
    args: [`${port}`, `${redis.port}`],
  });
  await child.waitForLine(/^ready$/);
  const url = `http://127.0.0.1:${port}/jobs`;
  return { name: "Fastify + BullMQ's add", url, pid: child.pid, stop: async () => child.kill('SIGTERM') };
}

/** As it runs in production but for the build: with its log, its metrics, its checks and its outbox. */
async function startHoldfast() {
  const port = await freePort();
  const child = spawnNode(new URL('../../apps/api/src/server.ts', import.meta.url), {
    env: {
      REDIS_URL: redis.url,
      PORT: `${port}`,
      LOG_LEVEL: 'info',
      LOG_FILE: join(directory, 'api.log'),
      HOLDFAST_DATA_DIR: directory,
    },
    cwd: directory,
  });
  const origin = `http://127.0.0.1:${port}`;
  await eventually(
    async () => {
      if ((await fetch(`${origin}/health/ready`)).status !== 200) throw new Error('It is not ready.');
    },
    { timeoutMs: 30_000, intervalMs: 100 },
  );
  const url = `${origin}/v1/queues/http-delivery/jobs`;
  return { name: 'Holdfast', url, pid: child.pid, stop: async () => child.kill('SIGTERM') };
}
