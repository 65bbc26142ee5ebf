import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { eventually, FaultProxy, startRedis, type RedisServer } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openQueues, temporaryFolder, type Folder, type OpenedOutbox } from './fixture.ts';

const keysOfQueue = 'holdfast:jobs:{parcels}:parcels:';

describe('the markers of what a process with an outbox adds', () => {
  let redis: RedisServer;
  let proxy: FaultProxy;
  let folder: Folder;
  let opened: OpenedOutbox | undefined;

  const open = (): OpenedOutbox =>
    (opened = openQueues({
      directory: folder.path,
      port: proxy.port,
      commandTimeoutMs: 5000,
      patienceMs: 5000,
    }));
  const add = async (jobId: string) =>
    (opened as OpenedOutbox).queues.add('parcels', { data: { n: 1 }, options: { jobId } });
  const addAll = async (...ids: string[]): Promise<string[]> =>
    (await Promise.all(ids.map(async (id) => add(id)))).map(({ state }) => state);
  const markers = async (): Promise<string[]> => (await redis.command('KEYS', '*:once:*')) as string[];
  const exists = async (id: string): Promise<unknown> => redis.command('EXISTS', keysOfQueue + id);
  const empty = async (): Promise<void> =>
    eventually(() => expect(opened?.outbox.status).toMatchObject({ waiting: 0, setAside: 0 }), { timeoutMs: 15_000 });
  /** Calls since the last time, those inside scripts too. */
  const calls = async (...names: string[]): Promise<Record<string, number>> => {
    const stats = String(await redis.command('INFO', 'commandstats'));
    await redis.command('CONFIG', 'RESETSTAT');
    const count = (name: string): number =>
      Number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0);
    return Object.fromEntries(names.map((name) => [name, count(name)]));
  };

  beforeAll(async () => {
    redis = await startRedis();
    proxy = await FaultProxy.listen(redis);
  });
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(async () => {
    proxy.pass();
    await opened?.queues.close();
    opened = undefined;
    folder.remove();
    await redis.command('FLUSHALL');
  });
  afterAll(async () => {
    await proxy.close();
    await redis.stop();
  });

  it('cost two writes a command, however many jobs it adds, and one removal for many commands', async () => {
    open();
    await add('first');
    await eventually(async () => expect(await markers()).toEqual([]), { timeoutMs: 5000 });
    await calls();
    const ids = Array.from({ length: 100 }, (_, n) => `parcel-${n}`);
    expect(new Set(await addAll(...ids))).toEqual(new Set(['prioritized']));
    expect(await calls('evalsha', 'hset', 'pexpire', 'get', 'set')).toEqual({
      evalsha: 2,
      hset: 2,
      pexpire: 2,
      get: 0,
      set: 0,
    });
    await eventually(async () => expect(await markers()).toEqual([]), { timeoutMs: 5000 });
    expect(await calls('unlink')).toEqual({ unlink: 1 });
  });

  it('stay when the answer of their command was lost, so that none of its jobs runs again', async () => {
    open();
    await add('first');
    const cut = proxy.cutBeforeReply({ matching: 'evalsha' });
    const adding = addAll('a', 'b', 'c');
    await cut;
    proxy.refuse();
    expect(await adding).toEqual(['outbox', 'outbox', 'outbox']);
    // Before they are forwarded: as if they had run meanwhile.
    await redis.command('DEL', `${keysOfQueue}a`, `${keysOfQueue}b`, `${keysOfQueue}c`, `${keysOfQueue}prioritized`);
    proxy.pass();
    await empty();
    expect([await exists('a'), await exists('b'), await exists('c')]).toEqual([0, 0, 0]);
    const types = await Promise.all((await markers()).map(async (key) => [await redis.command('TYPE', key), key]));
    const marker = String(types.find(([type]) => type === 'hash')?.[1]);
    expect(await redis.command('HGETALL', marker)).toEqual(['*', '']);
    expect(Number(await redis.command('PTTL', marker))).toBeGreaterThan(7 * 24 * 60 * 60 * 1000);
  });

  it('of a file that an earlier version left are the ones that it had sent its jobs with', async () => {
    const file = new DatabaseSync(join(folder.path, 'outbox.db'));
    file.exec(`
      CREATE TABLE job (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, id TEXT NOT NULL, token TEXT NOT NULL,
        body TEXT NOT NULL, bytes INTEGER NOT NULL, accepted_at INTEGER NOT NULL, sent_at INTEGER,
        failures INTEGER NOT NULL DEFAULT 0, reason TEXT
      ) STRICT;
      CREATE UNIQUE INDEX job_id ON job (queue, id);
      CREATE INDEX job_turn ON job (queue, seq) WHERE reason IS NULL;
      PRAGMA user_version = 1;
    `);
    const insert = file.prepare(
      'INSERT INTO job (queue, id, token, body, bytes, accepted_at, sent_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    const now = Date.now();
    const body = '{"data":{"n":1}}';
    for (const [id, sentAt] of [
      ['ran', now],
      ['lost', now],
      ['new', null],
    ] as const) {
      insert.run('parcels', id, `call-${id}`, body, 300 + body.length, now, sentAt);
    }
    file.close();
    await redis.command('SET', `${keysOfQueue}once:call-ran`, 'ran', 'PX', '60000');

    const { outbox } = open();
    expect(outbox.status).toMatchObject({ waiting: 3 });
    await empty();
    expect([await exists('ran'), await exists('lost'), await exists('new')]).toEqual([0, 1, 1]);
    await opened?.queues.close();
    expect(open().outbox.status).toMatchObject({ waiting: 0 });
  });
});
