import { randomUUID } from 'node:crypto';
import { createEngine, createKeys, type RedisEngine } from '@holdfast/redis-core';
import { createLogger, createMetrics } from '@holdfast/telemetry';
import { eventually, startRedis, uniquePrefix, type RedisServer } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NotedFolders, readNotes, type OwnFolder } from '../src/folders/noted-folders.ts';

describe('the folders that processes note in Redis', () => {
  let redis: RedisServer;
  let key: string;
  let lines: { readonly msg: string; readonly folder?: string }[];
  const closing: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());
  beforeEach(() => {
    key = createKeys(uniquePrefix('folders')).folders();
    lines = [];
  });
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  });

  interface Process {
    readonly folders: NotedFolders;
    readonly engine: RedisEngine;
    own: OwnFolder | undefined;
  }
  const folder = (id: string = randomUUID()): OwnFolder => {
    const volume = { kind: 'claim', claim: `data-${id}` } as const;
    return { id, host: 'pod-0', path: '/var/lib/holdfast', volume, waiting: 0, isEmpty: true };
  };
  const holding = (waiting: number): OwnFolder => ({ ...folder(), waiting, isEmpty: false });
  const logger = createLogger({
    service: 'api',
    level: 'info',
    stream: { write: (line) => void lines.push(JSON.parse(line) as (typeof lines)[number]) },
  });
  /** One that says that it lives every 10 ms, and takes others for gone after so many. */
  const start = (own: OwnFolder | undefined, silentMs = 500): Process => {
    const target = { kind: 'standalone', host: redis.host, port: redis.port } as const;
    const engine = createEngine({ name: 'durable', target });
    const process: Process = {
      engine,
      own,
      folders: new NotedFolders({ engine, key, own: () => process.own, everyMs: 10, silentMs }),
    };
    process.folders.start(logger);
    closing.push(async () => {
      await process.folders.close();
      await engine.close();
    });
    return process;
  };
  const noted = async ({ engine }: Process): Promise<string[]> => (await readNotes(engine, key)).map(({ id }) => id);
  const told = (text: string): string[] =>
    lines
      .filter(({ msg }) => msg.includes(text))
      .map((line) => line.folder ?? '')
      .toSorted((a, b) => a.localeCompare(b));
  /** Ends without another word. */
  const kill = async ({ engine }: Process): Promise<void> => engine.close();

  it('stand there while a process lives, and are gone when it ends with an empty one', async () => {
    const one = start(folder('one'));
    const two = start(folder('two'));
    await eventually(async () => expect(await noted(two)).toHaveLength(2));
    const [note] = await readNotes(two.engine, key);
    const { aliveAt = 0 } = note ?? {};
    expect(note).toMatchObject({ host: 'pod-0', path: '/var/lib/holdfast', volume: { kind: 'claim' }, waiting: 0 });
    await eventually(async () => expect((await readNotes(two.engine, key))[0]?.aliveAt).toBeGreaterThan(aliveAt));
    await one.folders.close();
    expect(await noted(two)).toEqual(['two']);
  });

  it('stay where a process ends with something in it, or without a word, and are told then, once', async () => {
    const watcher = start(folder('watcher'));
    const full = start({ ...holding(3), id: 'full' });
    const killed = start(folder('killed'));
    await eventually(async () => expect(await noted(watcher)).toHaveLength(3));
    await full.folders.close();
    await kill(killed);
    await eventually(() => expect(watcher.folders.abandoned).toHaveLength(2));
    expect(watcher.folders.abandoned).toMatchObject(
      expect.arrayContaining([
        expect.objectContaining({ id: 'full', waiting: 3, volume: { kind: 'claim', claim: expect.any(String) } }),
        expect.objectContaining({ id: 'killed' }),
      ]) as object,
    );
    const metrics = createMetrics({ service: 'api' });
    watcher.folders.measure(metrics.instruments('folders'));
    expect(await metrics.text()).toMatch(/^holdfast_folders_abandoned 2$/m);
    // The process that has the folder again takes its note over.
    const again = start(folder('full'));
    await eventually(() => expect(watcher.folders.abandoned).toMatchObject([{ id: 'killed' }]));
    await again.folders.close();
    expect(told('left its data folder')).toEqual(['full', 'killed']);
    metrics.close();
  });

  it('go by themselves where the folder went with its process, and that is told', async () => {
    const watcher = start(folder('watcher'));
    const volume = { kind: 'ephemeral' } as const;
    const empty = start({ ...folder('empty'), volume });
    const full = start({ ...holding(3), id: 'full', volume });
    await eventually(async () => expect(await noted(watcher)).toHaveLength(3));
    await kill(empty);
    await kill(full);
    await eventually(async () => expect(await noted(watcher)).toEqual(['watcher']));
    await eventually(() => expect(watcher.folders.abandoned).toEqual([]));
    await eventually(() => expect(told('with it what was in its data folder')).toEqual(['empty', 'full']));
  });

  it('of processes that were cut off as long are not taken for abandoned', async () => {
    const one = start(folder('one'), 60_000);
    await eventually(async () => expect(await noted(one)).toEqual(['one']));
    await redis.command('HSET', key, 'silent', JSON.stringify({ ...folder(), since: 0, aliveAt: 0 }));
    const two = start(folder('two'), 60_000);
    await eventually(async () => expect(await noted(two)).toHaveLength(3));
    expect(two.folders.abandoned).toBeUndefined();
  });

  it('are noted as soon as the folder can be used, and only then', async () => {
    const late = start(undefined);
    const other = start(folder('other'));
    await eventually(async () => expect(await noted(other)).toEqual(['other']));
    late.own = folder('late');
    late.folders.look();
    await eventually(async () => expect((await noted(other)).toSorted()).toEqual(['late', 'other']));
    late.own = undefined;
    await late.folders.close();
    expect((await noted(other)).toSorted()).toEqual(['late', 'other']);
  });

  it('are read although somebody has written something else there', async () => {
    await redis.command('HSET', key, 'text', 'no JSON', 'list', '[]', 'later', '{"host":1}');
    const one = start(folder('one'));
    await eventually(async () => expect(await noted(one)).toEqual(['one']));
    await eventually(() => expect(one.folders.abandoned).toEqual([]));
  });

  it('take no more room than a thousand of those that are gone', async () => {
    const note = (aliveAt: number): string => JSON.stringify({ ...folder(), since: 0, aliveAt });
    const fields = Array.from({ length: 1200 }, (_, at) => [`gone-${at}`, note(at)]).flat();
    await redis.command('HSET', key, ...fields);
    const one = start(folder('one'));
    await eventually(async () => expect(Number(await redis.command('HLEN', key))).toBe(1001));
    expect(await noted(one)).toContain('gone-1199');
  });

  it('are left alone while Redis is away, and noted again when it is back', async () => {
    const one = start(folder('one'), 50);
    await eventually(() => expect(one.folders.abandoned).toEqual([]));
    await redis.kill();
    await eventually(() => expect(one.folders.abandoned).toBeUndefined());
    await redis.start();
    await eventually(async () => expect(await noted(one)).toEqual(['one']));
  });
});
