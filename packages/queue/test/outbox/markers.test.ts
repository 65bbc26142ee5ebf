import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { eventually } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import { keysOfQueue, useProxiedOutbox } from './use-proxied-outbox.ts';

describe('the markers of what a process with an outbox adds', () => {
  const away = useProxiedOutbox();
  const { open, add, empty } = away;

  const addAll = async (...ids: string[]): Promise<string[]> =>
    (await Promise.all(ids.map(async (id) => add(id)))).map(({ state }) => state);
  const markers = async (): Promise<string[]> => (await away.redis.command('KEYS', '*:once:*')) as string[];
  const exists = async (id: string): Promise<unknown> => away.redis.command('EXISTS', keysOfQueue + id);
  /** Calls since the last time, those inside scripts too. */
  const calls = async (...names: string[]): Promise<Record<string, number>> => {
    const stats = String(await away.redis.command('INFO', 'commandstats'));
    await away.redis.command('CONFIG', 'RESETSTAT');
    const count = (name: string): number =>
      Number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0);
    return Object.fromEntries(names.map((name) => [name, count(name)]));
  };

  it('cost two writes a command, however many jobs it adds, and one removal for many commands', async () => {
    await open();
    await add('first');
    await eventually(async () => expect(await markers()).toEqual([]));
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
    await eventually(async () => expect(await markers()).toEqual([]));
    expect(await calls('unlink')).toEqual({ unlink: 1 });
  });

  it('stay when the answer of their command was lost, so that none of its jobs runs again', async () => {
    await open();
    await add('first');
    const cut = away.proxy.cutBeforeReply({ matching: 'evalsha' });
    const adding = addAll('a', 'b', 'c');
    await cut;
    away.proxy.refuse();
    expect(await adding).toEqual(['outbox', 'outbox', 'outbox']);
    // Before they are forwarded: as if they had run meanwhile.
    await away.redis.command(
      'DEL',
      `${keysOfQueue}a`,
      `${keysOfQueue}b`,
      `${keysOfQueue}c`,
      `${keysOfQueue}prioritized`,
    );
    away.proxy.pass();
    await empty();
    expect([await exists('a'), await exists('b'), await exists('c')]).toEqual([0, 0, 0]);
    const types = await Promise.all((await markers()).map(async (key) => [await away.redis.command('TYPE', key), key]));
    const marker = String(types.find(([type]) => type === 'hash')?.[1]);
    expect(await away.redis.command('HGETALL', marker)).toEqual(['*', '']);
    expect(Number(await away.redis.command('PTTL', marker))).toBeGreaterThan(7 * 24 * 60 * 60 * 1000);
  });

  it('of a file that an earlier version left are the ones that it had sent its jobs with', async () => {
    const file = new DatabaseSync(join(away.folder.path, 'outbox.db'));
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
    await away.redis.command('SET', `${keysOfQueue}once:call-ran`, 'ran', 'PX', '60000');

    const { outbox } = await open();
    expect(outbox.status).toMatchObject({ waiting: 3 });
    await empty();
    expect([await exists('ran'), await exists('lost'), await exists('new')]).toEqual([0, 1, 1]);
    await away.opened.queues.close();
    expect((await open()).outbox.status).toMatchObject({ waiting: 0 });
  });
});
