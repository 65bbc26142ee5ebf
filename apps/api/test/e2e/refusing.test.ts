import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, FaultProxy, startRedis, type RedisServer } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startReceiver, type Receiver } from './receiver.ts';
import { ended, makeDataDir, startApi, startWorker, type Program } from './system.ts';

const patient = { intervalMs: 50 };

interface Health {
  readonly status: string;
  readonly redis: { readonly queue?: { readonly refuses?: { readonly writes?: { readonly kind: string } } } };
  readonly refusals: readonly { readonly work: string; readonly fault: string }[];
}

const slow = ['--loading-process-events-interval-bytes', '1024', '--enable-debug-command', 'local'];

/** Each brings a Redis into a state in which it answers and does not do what jobs need. */
const states = [
  [
    'has too few replicas',
    'too-few-replicas',
    config('min-replicas-to-write', '1'),
    config('min-replicas-to-write', '0'),
  ],
  ['is full', 'out-of-memory', config('maxmemory', '1'), config('maxmemory', '0')],
  ['forbids writes', 'forbidden', acl('-@write'), acl('+@all')],
  ['cannot save', 'not-persisting', breakDisk, mendDisk],
  ['has become a replica', 'read-only', replicaOf('127.0.0.1', '1'), replicaOf('NO', 'ONE')],
] as const;

function config(name: string, value: string) {
  return (redis: RedisServer): Promise<unknown> => redis.command('CONFIG', 'SET', name, value);
}

function acl(rule: string) {
  return (redis: RedisServer): Promise<unknown> => redis.command('ACL', 'SETUSER', 'default', rule);
}

function replicaOf(host: string, port: string) {
  return (redis: RedisServer): Promise<unknown> => redis.command('REPLICAOF', host, port);
}

/** What a full disk does to a snapshot, a folder in the place of its file does too. */
async function breakDisk(redis: RedisServer): Promise<void> {
  await redis.command('CONFIG', 'SET', 'save', '3600 1');
  const file = join(redis.directory, 'dump.rdb');
  rmSync(file, { recursive: true, force: true });
  mkdirSync(file);
  await redis.command('BGSAVE');
  await eventually(async () => {
    expect(String(await redis.command('INFO', 'persistence'))).toContain('rdb_last_bgsave_status:err');
  });
}

async function mendDisk(redis: RedisServer): Promise<void> {
  rmSync(join(redis.directory, 'dump.rdb'), { recursive: true });
  await redis.command('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no');
}

describe('API and worker, as processes, on a Redis that answers and refuses', () => {
  let data: Awaited<ReturnType<typeof makeDataDir>>;
  let receiver: Receiver;
  let redis: RedisServer;
  let next: RedisServer;
  let address: FaultProxy;
  let api: Program;
  let worker: Program;
  beforeAll(async () => {
    [data, receiver, redis, next] = await Promise.all([
      makeDataDir(),
      startReceiver(),
      startRedis({ args: slow }),
      startRedis({ args: ['--repl-diskless-sync-delay', '0'] }),
    ]);
    address = await FaultProxy.listen(redis);
    const env = { HOLDFAST_DATA_DIR: data.path, HTTP_DELIVERY_ALLOW_PRIVATE: 'true', REDIS_URL: address.url };
    [api, worker] = await Promise.all([startApi(env), startWorker(env)]);
    await untilWell();
  });
  afterAll(async () => {
    await data.remove();
    await receiver.close();
    await address.close();
    await Promise.all([redis.stop(), next.stop()]);
  });

  const healthOf = async (program: Program): Promise<Health> =>
    (await (await program.request('/health')).json()) as Health;
  const untilWell = async (): Promise<void> => {
    for (const program of [api, worker]) {
      await eventually(async () => expect(await healthOf(program)).toMatchObject({ status: 'ok' }), patient);
    }
  };
  const add = async (jobId: string): Promise<Response> =>
    api.request('/v1/queues/http-delivery/jobs', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ data: { url: receiver.url }, options: { jobId } }),
    });
  const starts = (id: string): number => receiver.ids.filter((each) => each === `http-delivery:${id}`).length;

  /** A job whose work is done while the Redis refuses what it came to, and one that is added meanwhile. */
  async function through(
    name: string,
    spoil: () => Promise<unknown>,
    look: () => Promise<void>,
    mend: () => Promise<unknown>,
  ): Promise<void> {
    receiver.hold();
    expect((await add(`${name}-running`)).status).toBe(201);
    await eventually(() => expect(starts(`${name}-running`)).toBe(1), patient);
    await spoil();
    receiver.letGo();
    const kept = await add(`${name}-meanwhile`);
    expect([kept.status, await kept.json()]).toMatchObject([202, { accepted: 'outbox' }]);
    await look();
    await mend();
    for (const id of [`${name}-running`, `${name}-meanwhile`]) {
      expect(await ended(api, 'http-delivery', id)).toMatchObject({ state: 'completed' });
      expect(starts(id)).toBe(1);
    }
    await untilWell();
  }

  it.each(states)(
    'that %s: both say so, the outbox takes jobs, and what was done is done once',
    async (name, fault, spoil, mend) => {
      const look = async (): Promise<void> => {
        await eventually(async () => {
          const { status, refusals } = await healthOf(api);
          expect({ status, queue: refusals.find(({ work }) => work === 'queue')?.fault }).toEqual({
            status: 'degraded',
            queue: fault,
          });
        }, patient);
        await eventually(async () => {
          const { status, redis: of } = await healthOf(worker);
          expect({ status, queue: of.queue?.refuses?.writes?.kind }).toEqual({ status: 'degraded', queue: fault });
        }, patient);
      };
      await through(
        name.replaceAll(' ', '-'),
        () => spoil(redis),
        look,
        () => mend(redis),
      );
    },
  );

  it('that loads its data: likewise, as one that is away', async () => {
    // So much for each key, with an answer to others after each few bytes.
    await redis.command('CONFIG', 'SET', 'key-load-delay', '100000');
    let loaded: Promise<unknown> | undefined;
    const spoil = async (): Promise<void> => {
      loaded = redis.command('DEBUG', 'RELOAD');
      await eventually(async () => expect(String(await redis.command('INFO'))).toContain('loading:1'));
    };
    const look = async (): Promise<void> => {
      for (const program of [api, worker]) {
        await eventually(async () => expect(await healthOf(program)).toMatchObject({ status: 'degraded' }), patient);
      }
    };
    await through('loading', spoil, look, async () => loaded);
  });

  it('that was demoted, and keeps their connections: both go to the primary that the address leads to', async () => {
    await next.command('REPLICAOF', redis.host, String(redis.port));
    await eventually(
      async () => expect(String(await next.command('INFO'))).toContain('master_link_status:up'),
      patient,
    );
    const promote = async (): Promise<void> => {
      // What a replica has not heard of yet goes with a failover.
      await eventually(async () => {
        const info = String(await redis.command('INFO', 'replication'));
        const [told, all] = [/slave0:.*offset=(\d+)/, /master_repl_offset:(\d+)/].map((one) => one.exec(info)?.[1]);
        expect(told).toBe(all ?? 'known');
      }, patient);
      await next.command('REPLICAOF', 'NO', 'ONE');
      await redis.command('REPLICAOF', next.host, String(next.port));
    };
    const look = async (): Promise<void> =>
      eventually(async () => expect(await healthOf(api)).toMatchObject({ status: 'degraded' }), patient).then(
        () => undefined,
      );
    await through('moved', promote, look, async () => address.moveTo(next));
    // No connection of the queues has stayed behind: neither that which writes, nor those that wait for jobs, or for news of them.
    await eventually(async () => {
      const clients = String(await redis.command('CLIENT', 'LIST'));
      expect(clients).not.toMatch(/ name=(holdfast:(producer|consumer|events|beat)|bull)/);
    }, patient);
  });
});
