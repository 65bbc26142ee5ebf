import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  createEngine,
  deserialize,
  type EngineOptions,
  MemoryEngine,
  OptionInvalidError,
  pipeline,
  serialize,
} from '../src/index.ts';
import { openDiskFolder } from '../src/disk.ts';
import { openJournal } from '../src/journal.ts';

/** As a program without types gives them. */
type Loose = Readonly<Record<string, unknown>>;
const local = { kind: 'standalone', host: '127.0.0.1', port: 6379 };
const engineOf = (more: Loose) => () => createEngine({ name: 'x', target: local, ...more } as unknown as EngineOptions);
const targetOf = (more: Loose) => engineOf({ target: { ...local, ...more } });
const memory = new MemoryEngine();
const folder = openDiskFolder({ directory: join(tmpdir(), 'never-made') });

const notNumbers = [Number.NaN, Infinity, -Infinity, -1, 0.5, '5', null, 2 ** 53];

const numbers: readonly (readonly [string, (value: unknown) => () => unknown])[] = [
  ...[
    'connectionTimeoutMs',
    'commandTimeoutMs',
    'retryAttempts',
    'retryDelayMs',
    'probeIntervalMs',
    'probeDeadlineMs',
    'trackingHeartbeatMs',
  ].map((name) => [name, (value: unknown) => engineOf({ [name]: value })] as const),
  ['port', (port) => targetOf({ port })],
  ['db', (db) => targetOf({ db })],
  ['port', (port) => engineOf({ target: { kind: 'cluster', nodes: [{ host: 'a', port }] } })],
  ['port', (port) => engineOf({ target: { kind: 'sentinel', masterName: 'm', sentinels: [{ host: 'a', port }] } })],
  ['maxBytes', (maxBytes) => engineOf({ target: { kind: 'memory', maxBytes } })],
  ['maxBytes', (maxBytes) => () => new MemoryEngine({ maxBytes } as Loose)],
  ['maxPerArea', (maxPerArea) => () => openJournal({ folder, maxPerArea } as never)],
  ['maxBytes', (maxBytes) => () => openJournal({ folder, maxBytes } as never)],
  ['deadlineMs', (deadlineMs) => () => openDiskFolder({ directory: folder.directory, deadlineMs } as never)],
  ['maxBytes', (maxBytes) => () => serialize(1, { maxBytes } as Loose)],
  ['compressAboveBytes', (compressAboveBytes) => () => serialize(1, { compressAboveBytes } as Loose)],
  ['maxBytes', (maxBytes) => () => deserialize('1', { maxBytes } as Loose)],
  ['batchSize', (batchSize) => () => pipeline(memory, [], { batchSize } as Loose)],
  ['concurrency', (concurrency) => () => pipeline(memory, [], { concurrency } as Loose)],
  ['deadlineMs', (deadlineMs) => () => pipeline(memory, [], { deadlineMs } as Loose)],
  ['pxMs', (pxMs) => () => memory.set('k', 'v', { pxMs } as Loose)],
];

const unknownOnes: readonly (readonly [string, () => unknown])[] = [
  ['an engine', engineOf({ commandTimeout: 5 })],
  ['a target', targetOf({ hosts: 'a' })],
  ['a target in memory', engineOf({ target: { kind: 'memory', maxByte: 1 } })],
  ['TLS', targetOf({ tls: { rejectUnauthorised: false } })],
  ['MemoryEngine', () => new MemoryEngine({ maxSize: 1 } as Loose)],
  ['a journal', () => openJournal({ folder, maxEntries: 1 } as never)],
  ['a folder', () => openDiskFolder({ directory: folder.directory, dir: 1 } as never)],
  ['serialize', () => serialize(1, { compressAbove: 1 } as Loose)],
  ['deserialize', () => deserialize('1', { max: 1 } as Loose)],
  ['a pipeline', () => pipeline(memory, [], { batch: 1 } as Loose)],
  ['set', () => memory.set('k', 'v', { ttlMs: 1 } as Loose)],
];

/** What a call throws, at once or later. */
async function thrownBy(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('options are refused by their names:', () => {
  test.each(numbers.map(([name, callOf], index) => ({ name, callOf, index })))(
    '$name, unless it is a number that it can be ($index)',
    async ({ name, callOf }) => {
      for (const value of notNumbers) {
        const error = await thrownBy(callOf(value));
        expect(error, String(value)).toBeInstanceOf(OptionInvalidError);
        expect(error).toMatchObject({ code: 'OPTION_INVALID', issues: [{ path: name }] });
        expect((error as Error).message).toMatch(/must be a whole number .*; it is /);
      }
    },
  );

  test.each<[string, () => unknown]>([
    ['commandTimeoutMs', engineOf({ commandTimeoutMs: 0 })],
    ['port', targetOf({ port: 0 })],
    ['port', targetOf({ port: 65_536 })],
    ['commandTimeoutMs', engineOf({ commandTimeoutMs: 2 ** 31 })],
    ['concurrency', () => pipeline(memory, [], { concurrency: 0 })],
    ['batchSize', () => pipeline(memory, [], { batchSize: 0 })],
    ['pxMs', () => memory.set('k', 'v', { pxMs: 0 })],
  ])('%s beyond what it can be', async (path, call) => {
    expect(await thrownBy(call)).toMatchObject({ code: 'OPTION_INVALID', issues: [{ path }] });
  });

  test.each(unknownOnes)('those that %s does not know', async (_owner, call) => {
    const error = await thrownBy(call);
    expect(error).toBeInstanceOf(OptionInvalidError);
    expect((error as Error).message).toMatch(/^The option "\w+" of .* is not known\. Known: \w+/);
  });

  test.each<[string, Loose]>([
    ['kind', { target: { kind: 'standalon' } }],
    ['host', { target: { ...local, host: 7 } }],
    ['tracking', { tracking: 'no' }],
    ['eviction', { target: { kind: 'memory', eviction: 'lru' } }],
    ['name', { name: 7 }],
  ])('%s, unless it is what it can be', async (path, more) => {
    expect(await thrownBy(engineOf(more))).toMatchObject({ code: 'OPTION_INVALID', issues: [{ path }] });
  });

  test('one that is `undefined` is one that was not given', async () => {
    const engine = engineOf({ commandTimeoutMs: undefined, target: { kind: 'memory', maxBytes: undefined } })();
    expect(engine.kind).toBe('memory');
    await engine.close();
  });
});
