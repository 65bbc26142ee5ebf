/**
 * How many commands and round trips does a sync of 500 items cost Redis, and how many does its job add in the queue?
 *
 * The whole worker runs, with the cache and the queue on a Redis each, so that their commands cannot be mixed up.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@holdfast/config';
import { configParts, modules } from '@holdfast/modules';
import { sourceSync } from '@holdfast/jobs';
import { createRuntime } from '@holdfast/runtime';
import { createLogger } from '@holdfast/telemetry';
import { monitor, redisCommand, startRedis } from '@holdfast/testing';
import { buildWorker } from '@holdfast/worker';
import { startCollectionServer } from './collection-server.ts';
import { countRoundTrips } from './round-trips.ts';

const itemCount = 500;
/** What sets a connection up or watches it; everything else is data. */
const housekeeping = new Set(['hello', 'client', 'select', 'ping', 'info', 'command', 'auth', 'script', 'subscribe']);

const directory = await mkdtemp(join(tmpdir(), 'holdfast-benchmark-'));
const [cacheRedis, queueRedis] = await Promise.all([startRedis(), startRedis()]);
const trips = await countRoundTrips(cacheRedis);
const upstream = await startCollectionServer();
upstream.show(items(0, itemCount));
const [cacheSeen, queueSeen] = await Promise.all([monitor(cacheRedis.url), monitor(queueRedis.url)]);
const config = loadConfig({
  parts: configParts(modules),
  cwd: directory,
  env: { REDIS_URL: trips.url, QUEUE_REDIS_URL: queueRedis.url, NOVITA_API_BASE_URL: upstream.url },
});
const runtime = await createRuntime(config, { modules });
const worker = await buildWorker({ config, runtime, logger: createLogger({ service: 'worker', level: 'silent' }) });
try {
  const both = jobsEnded(2); // One sync of each source at start.
  await worker.start();
  await both;

  console.log('\n| sync of 500 items | data commands | round trips | inside scripts | of the job queue |');
  console.log('|---|---:|---:|---:|---:|');
  await redisCommand(cacheRedis.url, 'FLUSHALL');
  await measure('into an empty cache');
  await measure('nothing changed');
  upstream.show(items(0, itemCount, 2));
  await measure('all changed');
  upstream.show(items(50, itemCount + 50, 2));
  await measure('50 gone, 50 new');
  console.log('\nBefore a sync whose script Redis does not know yet, one EVAL more carries its text.');
} finally {
  await worker.close({ timeoutMs: 5000 });
  await runtime.close();
  await Promise.all([cacheSeen.stop(), queueSeen.stop(), upstream.close(), trips.close()]);
  await Promise.all([cacheRedis.stop(), queueRedis.stop()]);
  await rm(directory, { recursive: true, force: true });
}

async function measure(name: string): Promise<void> {
  await Promise.all([cacheSeen.settle(), queueSeen.settle()]);
  for (const seen of [cacheSeen, queueSeen, trips]) seen.reset();
  const done = jobsEnded(1);
  await runtime.parts.queues.queues.add(sourceSync.name, { data: { source: 'instances' } });
  await done;
  await Promise.all([cacheSeen.settle(), queueSeen.settle()]);
  const names = cacheSeen.commands().map(([command = '']) => command.toLowerCase());
  const data = names.filter((command) => !housekeeping.has(command));
  const ofQueue = queueSeen.commands().filter(([command = '']) => !housekeeping.has(command.toLowerCase()));
  console.log(
    `| ${name} | ${data.length} (${tally(data)}) | ${trips.count()} | ${cacheSeen.scriptCommands().length} | ${ofQueue.length} |`,
  );
}

/** Resolves when so many jobs have completed; rejects when one fails. Asks Redis nothing. */
function jobsEnded(count: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let left = count;
  const listener = (message: unknown): void => {
    const { event } = message as { readonly event: string };
    if (event === 'failed' || event === 'retrying') reject(new Error(`A job is ${event}.`));
    if (event !== 'completed') return;
    left -= 1;
    if (left === 0) resolve();
  };
  subscribe('holdfast:queue:job', listener);
  return promise.finally(() => unsubscribe('holdfast:queue:job', listener));
}

function items(from: number, to: number, version = 1): object[] {
  return Array.from({ length: to - from }, (_, index) => ({
    id: `item-${from + index}`,
    version,
    text: 'x'.repeat(200),
  }));
}

function tally(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
}
