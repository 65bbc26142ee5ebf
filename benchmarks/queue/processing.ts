/**
 * How many jobs a second does a consumer run beside a plain BullMQ worker of the same concurrency, and how long is it from
 * adding a job to its start?
 *
 * One process, one Redis; they take turns. A handler does nothing, so what is measured is the queue.
 */
import { parseArgs } from 'node:util';
import { Queue, Worker } from 'bullmq';
import { Consumer, createRedisBackend, defineQueue, Queues } from '@holdfast/queue';
import { startRedis } from '@holdfast/testing';
import { Type } from 'typebox';
import { median } from '../load.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    jobs: { type: 'string', default: '5000' },
    concurrency: { type: 'string', default: '50' },
    samples: { type: 'string', default: '500' },
  },
});
const rounds = Number(values.rounds);
const jobs = Number(values.jobs);
const concurrency = Number(values.concurrency);
const samples = Number(values.samples);

const redis = await startRedis();
const { host, port } = redis;
const definition = defineQueue({
  name: 'ours',
  description: 'Does nothing.',
  payload: Type.Object({ n: Type.Integer() }),
  attempts: 3,
  timeoutMs: 60_000,
  retention: { completed: { count: 1000 }, failed: { count: 1000 } },
  concurrency,
});
const backend = createRedisBackend({ target: { kind: 'standalone', host, port } });
const queues = new Queues({ backend, definitions: [definition] });
const peer = new Queue('peer', { connection: { host, port } });
const options = { priority: 10, attempts: 3, removeOnComplete: { count: 1000 }, removeOnFail: { count: 1000 } };

/** Calls back with the data of each job that starts. */
type OnStart = (n: number) => void;
interface Side {
  readonly name: string;
  readonly add: (count: number) => Promise<unknown>;
  readonly addOne: (n: number) => Promise<unknown>;
  /** Replies what ends it. */
  readonly run: (onStart: OnStart) => Promise<() => Promise<unknown>>;
}

const ours: Side = {
  name: 'Holdfast',
  add: async (count) =>
    queues.addMany(
      'ours',
      Array.from({ length: count }, (_, n) => ({ data: { n } })),
    ),
  addOne: async (n) => queues.add('ours', { data: { n } }),
  run: async (onStart) => {
    const consumer = new Consumer({ backend, definition, handler: async ({ data }) => onStart(data.n) });
    await consumer.start();
    return async () => consumer.close({ timeoutMs: 5000 });
  },
};
const plain: Side = {
  name: 'plain BullMQ worker',
  add: async (count) =>
    peer.addBulk(Array.from({ length: count }, (_, n) => ({ name: 'job', data: { n }, opts: options }))),
  addOne: async (n) => peer.add('job', { n }, options),
  run: async (onStart) => {
    const worker = new Worker<{ n: number }>('peer', async ({ data }) => onStart(data.n), {
      connection: { host, port, maxRetriesPerRequest: null },
      concurrency,
    });
    return async () => worker.close();
  },
};

interface Round {
  /** Jobs a second. */
  readonly rate: number;
  /** Microseconds of processor time a job, of this process. */
  readonly processor: number;
}

/** From the first start to the last: how long a worker takes to connect is another question. */
async function drain(side: Side): Promise<Round> {
  await side.add(jobs);
  const { promise: done, resolve } = Promise.withResolvers<void>();
  let left = jobs;
  let startedAt = 0;
  let before: NodeJS.CpuUsage | undefined;
  const stop = await side.run(() => {
    if (before === undefined) {
      before = process.cpuUsage();
      startedAt = performance.now();
    }
    left -= 1;
    if (left === 0) resolve();
  });
  await done;
  const spent = process.cpuUsage(before);
  const rate = (jobs / (performance.now() - startedAt)) * 1000;
  await stop();
  return { rate, processor: (spent.user + spent.system) / jobs };
}

/** Milliseconds from before the call of `add` to the start, one job at a time at an idle worker. */
async function delays(side: Side): Promise<number[]> {
  let started: (() => void) | undefined;
  const stop = await side.run(() => started?.());
  const all: number[] = [];
  for (let n = 0; n < samples; n += 1) {
    const { promise, resolve } = Promise.withResolvers<void>();
    started = resolve;
    const at = performance.now();
    await Promise.all([side.addOne(n), promise]);
    all.push(performance.now() - at);
  }
  await stop();
  return all.sort((left, right) => left - right);
}

const sides = [plain, ours];
const results = new Map<Side, Round[]>(sides.map((side) => [side, []]));
const waits = new Map<Side, number[][]>(sides.map((side) => [side, []]));
for (let round = -1; round < rounds; round += 1) {
  for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
    const result = await drain(side);
    const delay = await delays(side);
    if (round < 0) continue; // The first round only warms up.
    results.get(side)?.push(result);
    waits.get(side)?.push(delay);
  }
}

const at = (list: readonly number[], share: number): number => list[Math.floor(list.length * share)] ?? Number.NaN;
const reference = results.get(plain) ?? [];
console.log(
  `\n${jobs} jobs, concurrency ${concurrency}, median of ${rounds} interleaved rounds; ${samples} single jobs a round\n`,
);
console.log(
  "| | jobs/s | of the peer | processor time a job | of the peer's | add to start p50 | p99 |\n|---|---:|---:|---:|---:|---:|---:|",
);
for (const [side, list] of results) {
  const ratio = (of: (round: Round) => number): string =>
    median(list.map((round, index) => of(round) / of(reference[index] ?? round))).toFixed(2);
  const wait = (share: number): string => median((waits.get(side) ?? []).map((round) => at(round, share))).toFixed(2);
  console.log(
    `| ${side.name} | ${Math.round(median(list.map(({ rate }) => rate))).toLocaleString('en')} | ${ratio(({ rate }) => rate)}× | ${Math.round(median(list.map(({ processor }) => processor)))} µs | ${ratio(({ processor }) => processor)}× | ${wait(0.5)} ms | ${wait(0.99)} ms |`,
  );
}
await queues.close();
await peer.close();
await redis.stop();
