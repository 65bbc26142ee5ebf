/**
 * What do callers who only wait cost Redis? Commands a second that one API process sends while callers wait for the end of jobs
 * (`?wait=30s`) and others follow jobs by server-sent events, over sockets: each for a job of its own, first while the jobs wait,
 * then while they run. The worker is a process of its own and is not counted.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Consumer, createRedisBackend, Queues } from '@holdfast/queue';
import { httpDelivery } from '@holdfast/jobs';
import { eventually, freePort, monitor, redisCommand, spawnNode, startRedis } from '@holdfast/testing';

const { values } = parseArgs({
  options: {
    waiters: { type: 'string', default: '1000' },
    streams: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '10' },
  },
});
const [waiters, streams, seconds] = [values.waiters, values.streams, values.seconds].map(Number) as [
  number,
  number,
  number,
];
const { name } = httpDelivery;
const directory = await mkdtemp(join(tmpdir(), 'holdfast-benchmark-'));
const redis = await startRedis();
const origin = await startHoldfast();
const backend = createRedisBackend({ target: { kind: 'standalone', host: redis.host, port: redis.port } });
const queues = new Queues({ backend, definitions: [httpDelivery] });
const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY });
console.log(`\n| ${waiters} callers who wait, ${streams} who follow | commands a second | of which |\n|---|---:|---|`);
try {
  const ids = await addJobs(waiters + streams);
  await measure('none of them', [], []);
  await measure('the jobs wait', ids.slice(0, waiters), ids.slice(waiters));
  const mayEnd = Promise.withResolvers<void>();
  const consumer = new Consumer({
    backend,
    definition: { ...httpDelivery, concurrency: ids.length },
    handler: async () => {
      await mayEnd.promise;
      return { status: 204, headers: {}, body: '', durationMs: 0 };
    },
  });
  await consumer.start();
  await eventually(async () => {
    const { active } = (await queues.summary(name)).counts;
    if (active < ids.length) throw new Error(`${active} of ${ids.length} run.`);
  });
  await measure('the jobs run', ids.slice(0, waiters), ids.slice(waiters));
  mayEnd.resolve();
  await consumer.close({ timeoutMs: 30_000 });
} finally {
  agent.destroy();
  await queues.close();
  await redis.stop();
  await rm(directory, { recursive: true, force: true });
  process.exit();
}

async function addJobs(count: number): Promise<string[]> {
  const jobs = Array.from({ length: count }, (_, n) => ({ data: { url: `https://example.com/${n}` } }));
  return (await queues.addMany(name, jobs)).items.map(({ id }) => id ?? '');
}

async function measure(what: string, waitedFor: readonly string[], followed: readonly string[]): Promise<void> {
  const replies: IncomingMessage[] = [];
  const requests = [
    ...waitedFor.map((id) => get(`${origin}/v1/queues/${name}/jobs/${id}?wait=30s`, { agent })),
    ...followed.map((id) =>
      get(`${origin}/v1/queues/${name}/jobs/${id}/events`, { agent }, (reply) => replies.push(reply.resume())),
    ),
  ];
  const early: number[] = [];
  for (const request of requests) {
    request.on('error', () => undefined).on('response', ({ statusCode = 0 }) => early.push(statusCode));
  }
  await eventually(() => {
    if (replies.length < followed.length) throw new Error(`${replies.length} of ${followed.length} are served.`);
  });
  // Those who wait are not told that they do.
  await delay(3000);
  if (early.some((status) => status !== 200) || early.length > followed.length) {
    throw new Error(`Some were answered: ${JSON.stringify([...new Set(early)])}, ${early.length}.`);
  }
  const ofApi = await addressesOfApi();
  const seen = await monitor(redis.url, { where: ({ addr }) => ofApi.has(addr) });
  const startedAt = performance.now();
  await delay(seconds * 1000);
  await seen.settle();
  const took = (performance.now() - startedAt) / 1000;
  const counts = new Map<string, number>();
  for (const [command = ''] of seen.commands()) counts.set(command, (counts.get(command) ?? 0) + 1);
  await seen.stop();
  const most = [...counts].toSorted(([, a], [, b]) => b - a).slice(0, 5);
  const total = [...counts.values()].reduce((sum, one) => sum + one, 0);
  console.log(
    `| ${what} | ${(total / took).toFixed(1)} | ${most.map(([command, count]) => `${command} ${(count / took).toFixed(1)}`).join(', ')} |`,
  );
  for (const request of requests) request.destroy();
  await delay(500);
}

/** The connections of the API: it has a user of its own. */
async function addressesOfApi(): Promise<Set<string>> {
  const list = String(await redisCommand(redis.url, 'CLIENT', 'LIST'));
  return new Set([...list.matchAll(/ addr=(\S+) .* user=api /g)].map(([, address = '']) => address));
}

async function startHoldfast(): Promise<string> {
  const port = await freePort();
  await redisCommand(redis.url, 'ACL', 'SETUSER', 'api', 'on', '>secret', '~*', '&*', '+@all');
  spawnNode(new URL('../../apps/api/src/server.ts', import.meta.url), {
    env: {
      REDIS_URL: redis.url.replace('//', '//api:secret@'),
      PORT: `${port}`,
      LOG_FILE: join(directory, 'api.log'),
      HOLDFAST_DATA_DIR: directory,
    },
    cwd: directory,
  });
  const url = `http://127.0.0.1:${port}`;
  await eventually(
    async () => {
      if ((await fetch(`${url}/health/ready`)).status !== 200) throw new Error('It is not ready.');
    },
    { timeoutMs: 60_000, intervalMs: 100 },
  );
  return url;
}
