import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  Consumer,
  type ConsumerOptions,
  consumerProfiles,
  createRedisBackend,
  defineQueue,
  openOutbox,
  Permits,
  Queues,
  type QueuesOptions,
  type RedisBackendOptions,
  RetentionSweeper,
  type RetentionSweeperOptions,
} from '../src/index.ts';
import { createEmbeddedBackend } from '../src/embedded.ts';

/** As a program without types gives them. */
type Loose = Readonly<Record<string, unknown>>;
/** Nobody is there: what is refused is refused before anything is asked for. */
const target = { kind: 'standalone', host: '127.0.0.1', port: 9 };
const definition = defineQueue({
  name: 'mail',
  description: 'Of options.',
  payload: {},
  attempts: 1,
  timeoutMs: 1000,
  concurrency: 1,
  retention: { completed: {}, failed: {} },
});
const backend = (): never => expect.fail('It was asked for something.');
const noBackend = { open: backend, registry: backend, createWorker: backend, openEvents: backend };
const directory = join(tmpdir(), 'holdfast-never-made');

const queuesOf = (more: Loose) => () =>
  new Queues({ backend: noBackend, definitions: [definition], ...more } as unknown as QueuesOptions);
const consumerOf = (more: Loose) => () =>
  new Consumer({ backend: noBackend, definition, handler: () => 1, ...more } as unknown as ConsumerOptions);
const backendOf = (more: Loose) => () => createRedisBackend({ target, ...more } as unknown as RedisBackendOptions);
const outboxOf = (more: Loose) => () => openOutbox({ folder: directory, ...more });
const sweeperOf = (more: Loose) => () =>
  new RetentionSweeper({ backend: noBackend, definitions: [], ...more } as unknown as RetentionSweeperOptions);
const embeddedOf = (more: Loose) => () => createEmbeddedBackend({ directory, ...more });

const notNumbers = [Number.NaN, -Infinity, -1, 0.5, '5', 2 ** 53];
const numbers: readonly (readonly [path: string, (value: unknown) => () => unknown])[] = [
  ['addBatchSize', (addBatchSize) => queuesOf({ addBatchSize })],
  ['concurrency', (concurrency) => consumerOf({ concurrency })],
  [
    'stalledIntervalMs',
    (stalledIntervalMs) => consumerOf({ tuning: { ...consumerProfiles.default, stalledIntervalMs } }),
  ],
  ['ttlMs', (ttlMs) => consumerOf({ tuning: { ...consumerProfiles.default, presence: { heartbeatMs: 1, ttlMs } } })],
  ['maximum', (maximum) => () => new Permits(maximum as number)],
  ['connectionTimeoutMs', (connectionTimeoutMs) => backendOf({ connectionTimeoutMs })],
  ['commandTimeoutMs', (commandTimeoutMs) => backendOf({ commandTimeoutMs })],
  ['port', (port) => backendOf({ target: { ...target, port } })],
  ['maxBytes', (maxBytes) => outboxOf({ maxBytes })],
  ['maxJobs', (maxJobs) => outboxOf({ maxJobs })],
  ['minFreeBytes', (minFreeBytes) => outboxOf({ minFreeBytes })],
  ['patienceMs', (patienceMs) => outboxOf({ patienceMs })],
  ['intervalMs', (intervalMs) => sweeperOf({ intervalMs })],
];

const others: readonly (readonly [path: string, () => unknown])[] = [
  ['concurrency', consumerOf({ concurrency: 0 })],
  ...[Number.NaN, Infinity, 0, -1].map(
    (blockSeconds) => ['blockSeconds', consumerOf({ tuning: { ...consumerProfiles.default, blockSeconds } })] as const,
  ),
  ['addBatchSize', queuesOf({ addBatchSize: 51 })],
  ['maximum', () => new Permits(0)],
  ['batchSize', queuesOf({ batchSize: 5 })],
  ['concurency', consumerOf({ concurency: 5 })],
  ['prefix', backendOf({ prefix: '' })],
  ['bullPrefix', backendOf({ bullPrefix: 'a' })],
  ['hosts', backendOf({ target: { ...target, hosts: 'a' } })],
  ['maxItems', outboxOf({ maxItems: 5 })],
  ['folder', embeddedOf({ folder: 'a' })],
  ['interval', sweeperOf({ interval: 5 })],
];

/** What a call throws, at once or later. */
async function thrownBy(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return expect.fail('It was taken.');
}

describe('options are refused by their names:', () => {
  test.each(numbers)('%s, unless it is a number that it can be', async (path, callOf) => {
    for (const value of notNumbers) {
      const error = await thrownBy(callOf(value));
      expect(error, String(value)).toMatchObject({ code: 'OPTION_INVALID', issues: [{ path }] });
    }
  });

  test.each(others)('%s', async (path, call) => {
    expect(await thrownBy(call)).toMatchObject({ code: 'OPTION_INVALID', issues: [{ path }] });
  });

  test('as many permits as anybody wants are allowed', () => {
    expect(new Permits().take('token', {})).toBe(true);
  });
});
