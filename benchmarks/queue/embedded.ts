/**
 * How many jobs a second does the embedded queue run, and what does a job cost in processor time, with so many jobs waiting
 * and so many ended beside them?
 *
 * One process, which is how the embedded mode runs: the database's thread counts as well. A handler does nothing, so what is
 * measured is the queue. Each depth has a folder of its own. Most of what waits and what has ended is copied from a few
 * jobs that the queue itself added and ran, because it is there only to be in the way.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PGlite } from '@electric-sql/pglite';
import { Consumer, defineQueue, Queues } from '@holdfast/queue';
import { createEmbeddedBackend } from '@holdfast/queue/embedded';
import { Type } from 'typebox';

const { values } = parseArgs({
  options: {
    /** Waiting and ended. */
    depths: { type: 'string', default: '1000/0,10000/0,50000/0,5000/5600,50000/50000' },
    jobs: { type: 'string', default: '1000' },
    concurrency: { type: 'string', default: '20' },
    /** How many completed jobs the queue keeps. */
    keep: { type: 'string', default: '100000' },
  },
});
const jobs = Number(values.jobs);

/** $1 of which job, $2 how many. */
const copies = `
  INSERT INTO job
  SELECT copy.* FROM job AS original, generate_series(1, $2::int) AS n, LATERAL jsonb_populate_record(
    original, jsonb_build_object('id', original.id || n, 'seq', original.seq + n, 'finished_at_ms', original.finished_at_ms + n)
  ) AS copy
  WHERE original.id = $1`;

const definition = defineQueue({
  name: 'ours',
  description: 'Does nothing.',
  payload: Type.Object({ n: Type.Integer() }),
  attempts: 3,
  timeoutMs: 60_000,
  retention: { completed: { count: Number(values.keep) }, failed: { count: Number(values.keep) } },
  concurrency: Number(values.concurrency),
});

interface Cost {
  readonly perSecond: number;
  /** Milliseconds of processor time a job, over all threads of this process. */
  readonly processorMs: number;
}

const rows: Record<string, string>[] = [];
for (const depth of values.depths.split(',')) {
  const [waiting = 0, ended = 0] = depth.split('/').map(Number);
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-embedded-benchmark-'));
  try {
    await fill(directory, waiting, ended);
    const { perSecond, processorMs } = await measure(directory);
    rows.push({
      waiting: String(waiting),
      ended: String(ended),
      'jobs/s': perSecond.toFixed(0),
      'processor time a job': `${processorMs.toFixed(2)} ms`,
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
console.table(rows);

/** Leaves a folder with so many jobs, and with those that are to be run. */
async function fill(directory: string, waiting: number, ended: number): Promise<void> {
  await withQueues(directory, async (queues, consume) => {
    await queues.add('ours', { data: { n: 0 }, options: { jobId: 'ended' } });
    await consume(1);
    await queues.add('ours', { data: { n: 0 }, options: { jobId: 'waiting' } });
  });
  const database = await PGlite.create(join(directory, 'pglite'));
  await database.exec('SET search_path TO bullmq');
  for (const [id, count] of Object.entries({ ended, waiting })) {
    await database.query(copies, [id, count]);
  }
  await database.close();
}

/** From the first start to the last of so many jobs, which come first of all that wait. */
async function measure(directory: string): Promise<Cost> {
  return withQueues(directory, async (queues, consume) => {
    const numbers = Array.from({ length: jobs }, (_, n) => n);
    await queues.addMany(
      'ours',
      numbers.map((n) => ({ data: { n }, options: { priority: 'high' } })),
    );
    return consume(jobs);
  });
}

/** Runs jobs until so many have started. */
type Consume = (count: number) => Promise<Cost>;

async function withQueues<T>(directory: string, use: (queues: Queues, consume: Consume) => Promise<T>): Promise<T> {
  const backend = await createEmbeddedBackend({ directory });
  const queues = new Queues({ backend, definitions: [definition] });
  const consume = async (count: number): Promise<Cost> => {
    const last = Promise.withResolvers<void>();
    let left = count;
    let startedAt = 0;
    let before: NodeJS.CpuUsage | undefined;
    const handler = async (): Promise<void> => {
      if (before === undefined) {
        before = process.cpuUsage();
        startedAt = performance.now();
      }
      left -= 1;
      if (left === 0) last.resolve();
    };
    const consumer = new Consumer({ backend, definition, handler });
    await consumer.start();
    await last.promise;
    const spent = process.cpuUsage(before);
    const seconds = (performance.now() - startedAt) / 1000;
    await consumer.close({ timeoutMs: 10_000 });
    return { perSecond: count / seconds, processorMs: (spent.user + spent.system) / 1000 / count };
  };
  try {
    return await use(queues, consume);
  } finally {
    await queues.close();
    await backend.close();
  }
}
