import {
  eventually,
  type RedisCluster,
  type RedisSentinel,
  startCluster,
  startRedis,
  startSentinel,
  startTlsRedis,
  type TlsRedis,
} from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createEngine, type RedisEngine, type RedisTarget, UnsupportedError } from '../src/index.ts';
import { calm } from './contract/calm.ts';
import { counterWithLimit } from './contract/example-script.ts';
import { stored } from './stored.ts';

const open: RedisEngine[] = [];
function engineAt(target: RedisTarget): RedisEngine {
  const engine = createEngine({ name: 'topology', ...calm, target });
  open.push(engine);
  return engine;
}
afterEach(() => Promise.all(open.splice(0).map((engine) => engine.close())));

describe('TLS', () => {
  let redis: TlsRedis;
  beforeAll(async () => {
    redis = await startTlsRedis();
  });
  afterAll(() => redis.stop());

  const address = (): { kind: 'standalone'; host: string; port: number } => ({
    kind: 'standalone',
    host: redis.host,
    port: redis.port,
  });

  const connectionsReceived = async (): Promise<number> =>
    Number(/total_connections_received:(\d+)/.exec(String(await redis.server.command('INFO', 'stats')))?.[1]);

  test('is refused without the authority, under another name, and without a certificate of the client', async () => {
    const { ca, client } = redis.certificates;
    const { serverName } = redis;
    const refused = [
      { tls: { ...client, serverName }, reason: /certificate/i },
      { tls: { ca, ...client, serverName: 'other.holdfast.test' }, reason: /altnames/i },
      { tls: { ca, ...client }, reason: /altnames/i },
      { tls: { ca, serverName }, reason: /./ },
      { tls: undefined, reason: /./ },
    ];
    for (const { tls, reason } of refused) {
      const engine = engineAt({ ...address(), ...(tls === undefined ? {} : { tls }) });
      await expect(engine.mget(['a'])).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
      expect(engine.status.reason).toMatch(reason);
    }
  });

  test('takes any certificate when told to, which is for development', async () => {
    const engine = engineAt({ ...address(), tls: { ...redis.certificates.client, rejectUnauthorized: false } });
    expect(await engine.set('a', '1')).toMatchObject({ stored: true });
  });

  test('closing in the middle of the handshake ends in silence, though the server complains', async () => {
    const uncaught: Error[] = [];
    const listen = (error: Error): void => void uncaught.push(error);
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException').on('uncaughtException', listen);
    const { client } = redis.certificates;
    const before = await connectionsReceived();
    try {
      for (let attempt = 0; attempt < 30; attempt += 1) {
        const engine = engineAt({ ...address(), tls: { ...client, serverName: redis.serverName } });
        // Connected, and the handshake has begun.
        await new Promise((resolve) => setTimeout(resolve, attempt % 3));
        await engine.close();
      }
      await eventually(async () => expect(await connectionsReceived()).toBeGreaterThan(before));
      expect(uncaught).toEqual([]);
    } finally {
      process.removeListener('uncaughtException', listen);
      for (const other of others) process.on('uncaughtException', other);
    }
  });
});

describe('an ACL user', () => {
  test('may do what it may, and is told what it may not', async () => {
    const server = await startRedis();
    try {
      await server.command('ACL', 'SETUSER', 'app', 'on', '>secret', '~app:*', '&*', '+@all');
      const credentials = { username: 'app', password: 'secret' };
      const engine = engineAt({ kind: 'standalone', host: server.host, port: server.port, ...credentials });
      expect(await engine.set('app:a', '1')).toMatchObject({ stored: true });
      await expect(engine.set('other', '1')).rejects.toMatchObject({ code: 'REDIS_ACCESS_REFUSED' });
      const wrong = { username: 'app', password: 'guess' };
      const stranger = engineAt({ kind: 'standalone', host: server.host, port: server.port, ...wrong });
      await expect(stranger.mget(['app:a'])).rejects.toThrow(/WRONGPASS/);
    } finally {
      await server.stop();
    }
  });
});

describe('sentinels with a password', () => {
  let sentinel: RedisSentinel;
  beforeAll(async () => {
    sentinel = await startSentinel({ sentinelPassword: 'secret' });
  });
  afterAll(() => sentinel.stop());

  test('tell who knows it where the master is', async () => {
    const { addresses, masterName } = sentinel;
    const target = { kind: 'sentinel', sentinels: addresses, masterName } as const;
    const engine = engineAt({ ...target, sentinelPassword: 'secret', db: 1 });
    await engine.set('a', '1');
    expect(await (await sentinel.master()).command('DBSIZE')).toBe(0);
    const stranger = engineAt({ ...target, sentinelPassword: 'guess' });
    await expect(stranger.mget(['a'])).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
  });
});

describe('a cluster', () => {
  let cluster: RedisCluster;
  let engine: RedisEngine;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster.stop());
  const connect = (): RedisEngine => (engine = engineAt({ kind: 'cluster', nodes: cluster.addresses.slice(0, 1) }));

  test('splits what spans slots, and keeps order and counts', async () => {
    connect();
    const keys = Array.from({ length: 40 }, (_, index) => `split:${index}`);
    await stored(engine, keys);
    const texts = async (asked: string[]): Promise<(string | undefined)[]> =>
      (await engine.mget(asked)).map((value) => value?.toString());
    expect(await texts(['none', ...keys.toReversed()])).toEqual([undefined, ...keys.toReversed()]);
    const results = await engine.batch([
      { op: 'mget', keys: [...keys.slice(0, 3), 'none'] },
      { op: 'del', keys: [...keys.slice(0, 5), 'none'] },
    ]);
    expect(results).toEqual([
      { ok: true, value: [...keys.slice(0, 3).map((key) => Buffer.from(key)), null] },
      { ok: true, value: 5 },
    ]);
    expect(await engine.del(keys)).toBe(35);
  });

  test('refuses a script whose keys lie in different slots, and runs it where a hash tag joins them', async () => {
    connect();
    await expect(engine.run(counterWithLimit, ['a', 'b'], ['n', '1'])).rejects.toThrow(UnsupportedError);
    await expect(engine.run(counterWithLimit, ['a', 'b'], ['n', '1'])).rejects.toThrow(/hash tag/);
    expect(await engine.run(counterWithLimit, ['{tag}a', '{tag}b'], ['n', '1'])).toBe(1);
    const results = await engine.batch([
      { op: 'run', script: counterWithLimit, keys: ['a', 'b'], args: ['n', '1'] },
      { op: 'set', key: 'a', value: '1' },
    ]);
    expect(results).toMatchObject([
      { ok: false, error: { code: 'NOT_SUPPORTED' } },
      { ok: true, value: true },
    ]);
  });

  test('adds up what its masters say about themselves', async () => {
    connect();
    const before = Number(/keys=(\d+)/.exec((await engine.info())['db0'] ?? '')?.[1] ?? 0);
    await stored(
      engine,
      Array.from({ length: 30 }, (_, index) => `info:${index}`),
    );
    const info = await engine.info();
    expect(info).toMatchObject({ redis_mode: 'cluster', cluster_masters: '3' });
    expect(info['db0']).toMatch(new RegExp(`^keys=${before + 30},`));
  });

  test('is followed when a slot moves: nothing fails, nothing is lost, and a scan begins anew', async () => {
    connect();
    const wanted = await stored(
      engine,
      Array.from({ length: 300 }, (_, index) => `moving:${index}`),
    );
    const first = await engine.scan({ prefix: 'moving:', count: 10 });
    const seen = new Set(first.keys);
    await cluster.moveSlotOf('moving:0');
    expect((await engine.mget(['moving:0']))[0]?.toString()).toBe('moving:0');
    expect(await engine.hincrby('{moving:0}count', 'n', 1)).toBe(1);
    let { cursor } = first;
    while (cursor !== null) {
      const page = await engine.scan({ prefix: 'moving:', count: 100, cursor });
      for (const key of page.keys) seen.add(key);
      ({ cursor } = page);
    }
    expect(seen).toEqual(wanted);
  });

  test('is scanned without a gap while keys move from a master that comes later to one that came before', async () => {
    connect();
    // Masters are walked in the order of their addresses.
    const order = (await cluster.masters()).toSorted((a, b) => (a.url < b.url ? -1 : 1));
    let tag = 0;
    while ((await cluster.masterOf(`{${tag}}`)) !== order.at(-1)) tag += 1;
    const wanted = await stored(
      engine,
      Array.from({ length: 40 }, (_, index) => `{${tag}}gap:${index}`),
    );
    await engine.hset(`{${tag}}gap:hash`, { a: '1' });
    const page = { prefix: `{${tag}}gap:`, type: 'string', count: 100_000 } as const;
    const seen: string[] = [];
    // To the end of the last master but one; then the keys go to one of those before.
    let { cursor } = await engine.scan(page);
    for (let place = 1; place < order.length - 1; place += 1)
      ({ cursor } = await engine.scan({ ...page, cursor: cursor ?? '' }));
    const move = await cluster.beginMove(`{${tag}}`, [...wanted].slice(0, 30));
    let pages = 0;
    for (; cursor !== null; pages += 1) {
      const reply = await engine.scan({ ...page, cursor });
      seen.push(...reply.keys);
      // In the middle of it the move goes on, and ends.
      if (pages === 0) await move.next([...wanted].slice(30, 35));
      ({ cursor } = reply);
    }
    await move.end();
    expect(new Set(seen)).toEqual(wanted);
    // One page for the master that was left, one for the slot.
    expect(pages).toBe(2);
  });

  test('takes for a cursor only what it gave out', async () => {
    connect();
    for (const cursor of ['abc', '17', 'x~0~0~zzzz', '']) {
      await expect(engine.scan({ prefix: 'k', cursor })).rejects.toMatchObject({ code: 'REDIS_COMMAND_FAILED' });
    }
  });

  test('does not track reads', () => {
    connect();
    expect(engine.trackingEpoch).toBe(0);
  });
});
