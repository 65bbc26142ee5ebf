/**
 * How long does a bulk of 10,000 jobs take over REST, beside a Fastify route that calls BullMQ's `addBulk`?
 *
 * Both are up at once, on one Redis, and take turns; one request at a time. The queues are emptied between them.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { eventually, freePort, redisCommand, spawnNode, startRedis } from '@holdfast/testing';
import { median, processorTime } from '../load.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, jobs: { type: 'string', default: '10000' } },
});
const jobs = Number(values.jobs);
const body = JSON.stringify({
  jobs: Array.from({ length: jobs }, (_, n) => ({ data: { url: 'https://example.com/hook', body: `job ${n}` } })),
});

interface Round {
  readonly milliseconds: number;
  /** Microseconds of processor time a job, of the process that serves. */
  readonly processor: number;
}

const directory = await mkdtemp(join(tmpdir(), 'holdfast-benchmark-'));
const redis = await startRedis();
const [peerPort, apiPort] = await Promise.all([freePort(), freePort()]);
const peer = spawnNode(new URL('../servers/fastify-bullmq.ts', import.meta.url), {
  args: [`${peerPort}`, `${redis.port}`],
});
const api = spawnNode(new URL('../../apps/api/src/server.ts', import.meta.url), {
  env: {
    REDIS_URL: redis.url,
    PORT: `${apiPort}`,
    LOG_FILE: join(directory, 'api.log'),
    HOLDFAST_DATA_DIR: directory,
  },
  cwd: directory,
});
const servers = [
  { name: "Fastify + BullMQ's addBulk", pid: peer.pid, url: `http://127.0.0.1:${peerPort}/jobs/bulk` },
  { name: 'Holdfast', pid: api.pid, url: `http://127.0.0.1:${apiPort}/v1/queues/http-delivery/jobs/bulk` },
];
try {
  await peer.waitForLine(/^ready$/);
  await eventually(
    async () => {
      if ((await fetch(`http://127.0.0.1:${apiPort}/health/ready`)).status !== 200) throw new Error('It is not ready.');
    },
    { timeoutMs: 60_000, intervalMs: 100 },
  );
  const results = new Map<string, Round[]>(servers.map(({ name }) => [name, []]));
  for (let round = -1; round < Number(values.rounds); round += 1) {
    for (const { name, pid, url } of round % 2 === 0 ? servers : servers.toReversed()) {
      await redisCommand(redis.url, 'FLUSHALL');
      const before = processorTime(pid) ?? Number.NaN;
      const startedAt = performance.now();
      const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      const text = await answer.text();
      const milliseconds = performance.now() - startedAt;
      if (!answer.ok) throw new Error(`${name}: ${text.slice(0, 500)}`);
      // The first round only warms up.
      if (round >= 0)
        results.get(name)?.push({ milliseconds, processor: ((processorTime(pid) ?? Number.NaN) - before) / jobs });
    }
  }
  const reference = [...results.values()][0] ?? [];
  console.log(`\n${jobs} jobs a request, ${body.length} bytes, median of ${values.rounds} interleaved rounds\n`);
  console.log("| | jobs/s | of the peer | processor time a job | of the peer's |\n|---|---:|---:|---:|---:|");
  for (const [name, rounds] of results) {
    const ratio = (of: (round: Round) => number): string =>
      median(rounds.map((round, at) => of(round) / of(reference[at] ?? round))).toFixed(2);
    const rate = median(rounds.map(({ milliseconds }) => (jobs / milliseconds) * 1000));
    const time = median(rounds.map(({ processor }) => processor));
    console.log(
      `| ${name} | ${Math.round(rate).toLocaleString('en')} | ${ratio(({ milliseconds }) => 1 / milliseconds)}× | ${time.toFixed(1)} µs | ${ratio(({ processor }) => processor)}× |`,
    );
  }
} finally {
  await Promise.all([peer.kill('SIGTERM'), api.kill('SIGTERM')]);
  await redis.stop();
  await rm(directory, { recursive: true, force: true });
}
