/**
 * What do coalescing, de-duplication and one service for many programs save? Before: as one would write it with BullMQ.
 * After: the same through Holdfast. Commands are counted by MONITOR, connections by CLIENT LIST.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue, QueueEvents } from 'bullmq';
import { createRedisBackend, defineQueue, Queues } from '@holdfast/queue';
import { eventually, freePort, monitor, redisCommand, spawnNode, startRedis } from '@holdfast/testing';
import { Type } from 'typebox';

const jobs = 1000;
const items = 100;
const programs = 10;
const names = ['first', 'second'];

const redis = await startRedis();
const { host, port } = redis;
const definitions = names.map((name) =>
  defineQueue({
    name,
    description: 'For the benchmark.',
    payload: Type.Object({ n: Type.Integer() }),
    attempts: 3,
    timeoutMs: 60_000,
    retention: { completed: {}, failed: {} },
    concurrency: 10,
  }),
);
const rows: [what: string, before: number, after: number][] = [];

const queues = new Queues({ backend: createRedisBackend({ target: { kind: 'standalone', host, port } }), definitions });
const plain = new Queue('plain', { connection: { host, port } });
await Promise.all([plain.waitUntilReady(), queues.add('first', { data: { n: -1 } })]);
await plain.add('job', { n: -1 });
const seen = await monitor(redis.url);
const commands = async (act: () => Promise<unknown>): Promise<number> => {
  await seen.settle();
  seen.reset();
  await act();
  await seen.settle();
  return seen.commands().length;
};
const numbers = Array.from({ length: jobs }, (_, n) => n);
rows.push([
  `commands to add ${jobs} jobs that come at the same time`,
  await commands(() => Promise.all(numbers.map(async (n) => plain.add('job', { n }, { priority: 10 })))),
  await commands(() => Promise.all(numbers.map(async (n) => queues.add('first', { data: { n } })))),
]);
await seen.stop();

// Ten callers ask for the same work at about the same time, as after an invalidation.
await Promise.all(numbers.map(async (n) => plain.add('item', { n: n % items })));
await Promise.all(
  numbers.map(async (n) =>
    queues.add('second', { data: { n: n % items }, options: { deduplication: { id: `item-${n % items}` } } }),
  ),
);
const { counts } = await queues.summary('second');
rows.push([`jobs for ${items} items that ${jobs / items} callers each want`, jobs, counts.prioritized]);
await queues.close();
await plain.close();

const connections = async (): Promise<number> => {
  const list = String(await redisCommand(redis.url, 'CLIENT', 'LIST'));
  // The one that asks is on it.
  return list.split('\n').filter((line) => line.startsWith('id=')).length - 1;
};
const direct = Array.from({ length: programs }, () =>
  names.map((name) => [
    new Queue(name, { connection: { host, port } }),
    new QueueEvents(name, { connection: { host, port } }),
  ]),
).flat(2);
await Promise.all(direct.map(async (part) => part.waitUntilReady()));
const before = await connections();
await Promise.all(direct.map(async (part) => part.close()));
const directory = await mkdtemp(join(tmpdir(), 'holdfast-benchmark-'));
const apiPort = await freePort();
const api = spawnNode(new URL('../../apps/api/src/server.ts', import.meta.url), {
  env: { REDIS_URL: redis.url, PORT: `${apiPort}`, LOG_LEVEL: 'warn', HOLDFAST_DATA_DIR: directory },
  cwd: directory,
});
const origin = `http://127.0.0.1:${apiPort}/v1/queues`;
await eventually(
  async () => {
    if ((await fetch(origin)).status !== 200) throw new Error('It is not ready.');
  },
  { timeoutMs: 30_000 },
);
// Each program adds a job to each of the two built-in queues and waits for it: the readers of events are open.
const added = await fetch(`${origin}/http-delivery/jobs`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ data: { url: 'https://example.com/' }, options: { delay: '1h' } }),
});
const { id } = (await added.json()) as { id: string };
const waiting = Promise.all(
  Array.from({ length: programs }, async () => (await fetch(`${origin}/http-delivery/jobs/${id}?wait=3s`)).text()),
);
await eventually(async () => {
  const list = String(await redisCommand(redis.url, 'CLIENT', 'LIST'));
  if (!/qe\b|events/.test(list)) throw new Error('Nobody waits yet.');
});
rows.push([
  `connections to Redis of ${programs} programs that add to two queues and wait`,
  before,
  await connections(),
]);
await waiting;
await api.kill('SIGTERM');
await rm(directory, { recursive: true, force: true });
await redis.stop();

console.log('\n| | before | after | less by |\n|---|---:|---:|---:|');
for (const [what, was, is] of rows) {
  console.log(`| ${what} | ${was} | ${is} | ${((1 - is / was) * 100).toFixed(1)} % |`);
}
