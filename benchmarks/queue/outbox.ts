/**
 * How fast does the outbox take jobs while Redis is away, from callers that each wait for the last before they add the next, and
 * what does it cost to have its disk in another process? Beside commits of the same rows in this thread, one for all that
 * came in one turn of the event loop, which is as fast as a thread can be that may wait for its disk.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRedisBackend, defineQueue, openOutbox, Queues } from '@holdfast/queue';
import { openDurableFile, transact } from '@holdfast/redis-core/durable-file';
import { closedPort, eventually } from '@holdfast/testing';
import { Type } from 'typebox';
import { median } from '../load.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    jobs: { type: 'string', default: '5000' },
    callers: { type: 'string', default: '64' },
  },
});
const [rounds, jobs, callers] = [values.rounds, values.jobs, values.callers].map(Number) as [number, number, number];
const text = 'x'.repeat(200);

interface Round {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Microseconds of processor time of this process for each job. */
  readonly processorTime: number;
}

const directory = mkdtempSync(join(tmpdir(), 'holdfast-benchmark-'));
const queue = defineQueue({
  name: 'parcels',
  description: 'For this benchmark.',
  payload: Type.Object({ n: Type.Integer(), text: Type.String() }),
  attempts: 3,
  timeoutMs: 10_000,
  retention: { completed: {}, failed: {} },
  concurrency: 5,
});
const backend = createRedisBackend({ target: { kind: 'standalone', host: '127.0.0.1', port: await closedPort() } });
const outbox = await openOutbox({ folder: join(directory, 'outbox'), maxBytes: 1024 ** 3 });
const queues = new Queues({ backend, definitions: [queue], outbox });
const here = commitsHere(join(directory, 'here.db'));
const candidates: readonly (readonly [string, (n: number) => Promise<unknown>])[] = [
  ['commits in this thread', here],
  ['the outbox', async (n) => queues.add('parcels', { data: { n, text } })],
];
await eventually(async () => queues.add('parcels', { data: { n: 0, text } }));
const results = new Map<string, Round[]>(candidates.map(([name]) => [name, []]));
for (const [, add] of candidates) await measure(add, jobs / 5);
for (let round = 0; round < rounds; round += 1) {
  for (const [name, add] of round % 2 === 0 ? candidates : candidates.toReversed()) {
    results.get(name)?.push(await measure(add, jobs));
  }
}
await queues.close();
rmSync(directory, { recursive: true });

const [base = []] = results.values();
console.log('| | jobs/s | of the first | processor time a job | of the first | p50 | p99 |');
console.log('|---|---:|---:|---:|---:|---:|---:|');
for (const [name, all] of results) {
  const of = (field: keyof Round): number => median(all.map((one) => one[field]));
  const ratio = (field: keyof Round): string =>
    median(all.map((one, index) => one[field] / (base[index]?.[field] ?? Number.NaN))).toFixed(2);
  console.log(
    `| ${name} | ${of('perSecond').toFixed(0)} | ${ratio('perSecond')} | ${of('processorTime').toFixed(1)} µs | ${ratio('processorTime')} | ${of('p50').toFixed(1)} ms | ${of('p99').toFixed(1)} ms |`,
  );
}

async function measure(add: (n: number) => Promise<unknown>, total: number): Promise<Round> {
  const times: number[] = [];
  const before = process.cpuUsage();
  const startedAt = performance.now();
  const call = async (): Promise<void> => {
    for (let n = 0; n < total / callers; n += 1) {
      const calledAt = performance.now();
      await add(n);
      times.push(performance.now() - calledAt);
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(before);
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  return {
    perSecond: times.length / seconds,
    p50: at(0.5),
    p99: at(0.99),
    processorTime: (user + system) / times.length,
  };
}

function commitsHere(file: string): (n: number) => Promise<void> {
  const schema = 'CREATE TABLE job (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, body TEXT) STRICT;';
  const database = openDurableFile({ file, maxBytes: 1024 ** 3, version: 1, schema });
  const insert = database.prepare('INSERT INTO job (id, body) VALUES (?, ?)');
  let waiting: { readonly body: string; readonly resolve: () => void }[] = [];
  let count = 0;
  return async (n) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.push({ body: JSON.stringify({ data: { n, text } }), resolve });
    if (waiting.length === 1) {
      setImmediate(() => {
        const group = waiting;
        waiting = [];
        transact(database, () => {
          for (const { body } of group) insert.run(`job-${(count += 1)}`, body);
        });
        for (const one of group) one.resolve();
      });
    }
    return promise;
  };
}
