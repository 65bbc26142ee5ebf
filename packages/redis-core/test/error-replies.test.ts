import { rmSync } from 'node:fs';
import { eventually, PlainRedis, startCluster, startRedis, type RedisServer } from '@holdfast/testing';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createEngine,
  errorReplies,
  fromReplyError,
  pipeline,
  wordOf,
  type EngineOptions,
  type FaultKind,
  type RedisEngine,
} from '../src/index.ts';
import { counterWithLimit } from './contract/example-script.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function server(...args: string[]): Promise<RedisServer> {
  const redis = await startRedis({ args });
  closers.push(() => redis.stop());
  return redis;
}

function connect(target: EngineOptions['target']): RedisEngine {
  const engine = createEngine({ name: 'replies', target, ownKey: 'holdfast:probe' });
  closers.push(() => engine.close());
  return engine;
}

const at = ({ host, port }: RedisServer, more: object = {}): EngineOptions['target'] => ({
  kind: 'standalone',
  host,
  port,
  ...more,
});

const sound = { available: true, breaker: 'closed' };

/** Writes are refused with that code, and nothing but writes; the status says so until Redis takes them again. */
async function expectOnlyWritesToFail(
  redis: RedisServer,
  code: string,
  kind: FaultKind,
  heal: () => Promise<unknown>,
): Promise<void> {
  const engine = connect(at(redis));
  await expect(engine.set('b', '1')).rejects.toMatchObject({ code });
  await expect(engine.batch([{ op: 'set', key: 'b', value: '1' }])).resolves.toMatchObject([{ error: { code } }]);
  expect(engine.status).toMatchObject({ available: true, breaker: 'closed', refuses: { writes: { kind } } });
  expect(engine.status.refuses?.reads).toBeUndefined();
  expect(String(await engine.get('a'))).toBe('1');
  await heal();
  // Without any call: it asks.
  await eventually(() => expect(engine.status).toEqual(sound));
  expect(await engine.set('b', '1')).toMatchObject({ stored: true });
}

describe('an error reply that is about more than its call', () => {
  it('READONLY: writes fail, reads go on', async () => {
    const redis = await server();
    await redis.command('SET', 'a', '1');
    await redis.command('REPLICAOF', '127.0.0.1', '1');
    await expectOnlyWritesToFail(redis, 'REDIS_READ_ONLY', 'read-only', () => redis.command('REPLICAOF', 'NO', 'ONE'));
  });

  it('MISCONF: writes fail, reads go on', async () => {
    const redis = await server('--save', '3600 1');
    await redis.command('SET', 'a', '1');
    // What a full disk does to a snapshot, a directory that is gone does too.
    rmSync(redis.directory, { recursive: true });
    await redis.command('BGSAVE').catch(() => undefined);
    await eventually(async () => {
      expect(String(await redis.command('INFO', 'persistence'))).toContain('rdb_last_bgsave_status:err');
    });
    await expectOnlyWritesToFail(redis, 'REDIS_READ_ONLY', 'not-persisting', () =>
      redis.command('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no'),
    );
  });

  it('NOREPLICAS: writes fail, reads go on', async () => {
    const redis = await server();
    await redis.command('SET', 'a', '1');
    await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '1');
    await expectOnlyWritesToFail(redis, 'REDIS_READ_ONLY', 'too-few-replicas', () =>
      redis.command('CONFIG', 'SET', 'min-replicas-to-write', '0'),
    );
  });

  it('OOM: writes fail, reads go on', async () => {
    const redis = await server();
    await redis.command('SET', 'a', '1');
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    await expectOnlyWritesToFail(redis, 'REDIS_OUT_OF_MEMORY', 'out-of-memory', () =>
      redis.command('CONFIG', 'SET', 'maxmemory', '0'),
    );
  });

  it('inside the reply of a script, which itself was run, it is heard too', async () => {
    const redis = await server();
    const engine = connect(at(redis));
    await engine.set('a', '1');
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    const { errors } = await pipeline(engine, [
      { op: 'set', key: 'b', value: '1' },
      { op: 'set', key: 'c', value: '1' },
    ]);
    expect(errors.map(({ code }) => code)).toEqual(['REDIS_OUT_OF_MEMORY', 'REDIS_OUT_OF_MEMORY']);
    expect(engine.status).toMatchObject({ available: true, refuses: { writes: { kind: 'out-of-memory' } } });
  });

  it('LOADING, on a connection that was there before: it is away until the data are there', async () => {
    const source = await server('--repl-diskless-sync-delay', '0', '--save', '');
    const filler = connect(at(source));
    await filler.batch(
      Array.from({ length: 4000 }, (_, index) => ({ op: 'set', key: `k${index}`, value: 'v'.repeat(100) })),
    );
    // Two seconds for all keys, and an answer after each few of them.
    const slow = ['--key-load-delay', '500', '--loading-process-events-interval-bytes', '1024'];
    const redis = await server(...slow);
    const engine = connect(at(redis));
    expect(await engine.get('k1')).toBeNull();
    await redis.command('REPLICAOF', source.host, String(source.port));
    const codes: unknown[] = [];
    await eventually(async () => {
      codes.push(await engine.get('k1').catch((error: { code: string }) => error.code));
      expect(engine.status).toMatchObject({ available: false, fault: 'not-ready' });
    });
    expect(codes.at(-1)).toBe('REDIS_UNAVAILABLE');
    await eventually(async () => expect(String(await engine.get('k1'))).toBe('v'.repeat(100)));
  });

  it('MASTERDOWN: it is away until it serves its data again', async () => {
    const redis = await server('--replica-serve-stale-data', 'no');
    await redis.command('SET', 'a', '1');
    await redis.command('REPLICAOF', '127.0.0.1', '1');
    // From the first connection on.
    const engine = connect(at(redis));
    await eventually(() => expect(engine.status).toMatchObject({ available: false, fault: 'not-ready' }));
    expect(engine.status.reason).toContain('MASTERDOWN');
    await expect(engine.get('a')).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    await redis.command('CONFIG', 'SET', 'replica-serve-stale-data', 'yes');
    await eventually(async () => expect(String(await engine.get('a'))).toBe('1'));
    expect(engine.status).toMatchObject({ available: true, refuses: { writes: { kind: 'read-only' } } });
  });

  it('NOPERM: what the user may not do is refused, and told', async () => {
    const redis = await server();
    await redis.command('ACL', 'SETUSER', 'limited', 'on', '>pw', '+@all', '-set', '-get', '~*', '&*');
    const engine = connect(at(redis, { username: 'limited', password: 'pw' }));
    const refused = { code: 'REDIS_ACCESS_REFUSED', status: 503 };
    await expect(engine.set('a', '1')).rejects.toMatchObject(refused);
    await expect(engine.get('a')).rejects.toMatchObject(refused);
    expect(await engine.mget(['a'])).toEqual([null]);
    expect(engine.status).toMatchObject({
      available: true,
      refuses: {
        reads: { kind: 'forbidden', reason: expect.stringContaining("'get'") as unknown },
        writes: { kind: 'forbidden', reason: expect.stringContaining("'set'") as unknown },
      },
    });
  });

  it('NOAUTH: it is away, as one that wants a password', async () => {
    const redis = await server();
    const engine = connect(at(redis));
    await engine.set('a', '1');
    await redis.command('CONFIG', 'SET', 'requirepass', 'secret');
    const admin = redis.url.replace('//', '//:secret@');
    const connection = await PlainRedis.connect(admin);
    await connection.send('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await eventually(() => expect(engine.status).toMatchObject({ available: false, fault: 'password-wanted' }));
    await expect(engine.get('a')).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    await connection.send('CONFIG', 'SET', 'requirepass', '');
    connection.close();
    await eventually(async () => expect(String(await engine.get('a'))).toBe('1'));
  });
});

describe('a cluster', () => {
  it('TRYAGAIN and CLUSTERDOWN cost the slot that they are about; OOM, the writes of one master', async () => {
    const cluster = await startCluster();
    closers.push(() => cluster.stop());
    for (const node of cluster.nodes) await node.command('CONFIG', 'SET', 'cluster-replica-no-failover', 'yes');
    const engine = connect({ kind: 'cluster', nodes: cluster.addresses });
    const keys = ['{a}1', '{a}2'];
    await Promise.all(keys.map((key) => engine.set(key, key)));

    const move = await cluster.beginMove('{a}', ['{a}1']);
    const deadlineMs = 500;
    expect((await engine.mget(keys)).map(String)).toEqual(keys);
    const several = [{ op: 'mget', keys: [...keys, 'b'] } as const];
    // The client picks nodes by chance meanwhile, so one call alone would not meet every error that it can end with.
    const replies = await Promise.all(Array.from({ length: 150 }, () => engine.batch(several)));
    const found = [{ ok: true, value: [...keys.map((key) => Buffer.from(key)), null] }];
    for (const reply of replies) expect(reply).toEqual(found);
    const script = engine.run(counterWithLimit, keys, ['n', '9'], { deadlineMs: 20_000 });
    await expect(script).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    expect(await engine.del([...keys, 'b'])).toBe(2);
    await move.end();
    await Promise.all(keys.map((key) => engine.set(key, key)));
    expect(engine.status).toEqual(sound);

    const owner = await cluster.masterOf('{a}');
    await owner.command('CONFIG', 'SET', 'maxmemory', '1');
    await expect(engine.set('{a}1', '2')).rejects.toMatchObject({ code: 'REDIS_OUT_OF_MEMORY' });
    const reason = expect.stringContaining(`:${owner.port} is out of memory`) as unknown;
    expect(engine.status).toMatchObject({ available: true, refuses: { writes: { kind: 'out-of-memory', reason } } });
    await owner.command('CONFIG', 'SET', 'maxmemory', '0');
    await eventually(() => expect(engine.status).toEqual(sound));

    const slot = String(await owner.command('CLUSTER', 'KEYSLOT', '{a}'));
    for (const node of cluster.nodes) await node.command('CLUSTER', 'DELSLOTS', slot).catch(() => undefined);
    await eventually(async () => {
      await expect(engine.get('{a}1', { deadlineMs })).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    });
    expect(await engine.set('b', '1')).toMatchObject({ stored: true });
    expect(engine.status.available).toBe(true);
  });
});

describe('the word of an error reply', () => {
  it.each([
    ["READONLY You can't write against a read only replica.", 'READONLY'],
    ["READONLY You can't write against a read only replica. script: abc, on @user_script:1.", 'READONLY'],
    // Redis 6.2
    [
      'ERR Error running script (call to f_abc): @user_script:1: @user_script: 1: -OOM command not allowed when used memory',
      'OOM',
    ],
    ['WRONGPASS invalid username-password pair or user is disabled.', 'NOAUTH'],
    ["The user executing the script can't run this command or subcommand script: abc", 'NOPERM'],
    ['ASK 3999 127.0.0.1:6381', 'MOVED'],
    ['ERR unknown command', undefined],
    ['ERR value is not an integer: READONLY is a word like any other', undefined],
  ])('of %s', (reply, word) => {
    expect(wordOf(reply)).toBe(word);
  });

  it('decides the error', () => {
    for (const [word, { error }] of Object.entries(errorReplies)) {
      expect(fromReplyError(`${word} because`)).toBeInstanceOf(error);
    }
  });
});
