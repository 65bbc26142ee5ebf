import { eventually, FaultProxy, PlainRedis, startCluster, startRedis, type RedisServer } from '@holdfast/testing';
import type { RedisTarget } from '@holdfast/redis-core';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { rmSync } from 'node:fs';
import { Type } from 'typebox';
import { afterEach, describe, expect, it } from 'vitest';
import { Consumer, createRedisBackend, defineQueue, Queues, type QueueBackend } from '../../src/index.ts';

const jobs = 10;
const definition = defineQueue({
  name: 'results',
  description: 'Its jobs end while their Redis takes nothing.',
  payload: Type.Object({ fails: Type.Optional(Type.Boolean()), tells: Type.Optional(Type.Boolean()) }),
  attempts: 3,
  timeoutMs: 120_000,
  retention: { completed: {}, failed: {} },
  concurrency: jobs,
});

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function server(...args: string[]): Promise<RedisServer> {
  const redis = await startRedis({ args });
  closers.push(() => redis.stop());
  return redis;
}

const at = ({ port }: { readonly port: number }, more: object = {}): RedisTarget => ({
  kind: 'standalone',
  host: '127.0.0.1',
  port,
  ...more,
});

interface Fault {
  readonly target: RedisTarget;
  /** Brings the store into the state in which it takes no results. */
  readonly spoil: () => Promise<unknown>;
  readonly mend: () => Promise<unknown>;
}

interface Run {
  /** How often each job was started. */
  readonly starts: ReadonlyMap<string, number>;
  readonly errors: readonly Error[];
  readonly backend: QueueBackend;
  readonly queues: Queues;
  readonly consumer: Consumer;
  /** Starts another worker like the first. */
  readonly start: () => Promise<Consumer>;
}

/** Ten jobs run; while the store is spoiled they end; then it is mended, and what became of them is looked at. */
async function throughFault(
  { target, spoil, mend }: Fault,
  isSpoiledFor: (run: Run) => Promise<unknown>,
  data: { readonly fails?: boolean; readonly tells?: boolean } = {},
): Promise<Run> {
  const backend = createRedisBackend({ target });
  const queues = new Queues({ backend, definitions: [definition] });
  const working = createRedisBackend({ target });
  const starts = new Map<string, number>();
  const errors: Error[] = [];
  const hold = Promise.withResolvers<void>();
  closers.push(
    () => queues.close(),
    () => working.close(),
  );
  const start = async (): Promise<Consumer> => {
    const consumer = new Consumer({
      backend: working,
      definition,
      handler: async (job) => {
        const {
          id,
          data: { fails, tells },
        } = job;
        starts.set(id, (starts.get(id) ?? 0) + 1);
        await hold.promise;
        if (tells === true) {
          await job.progress(50);
          await job.log('half of it');
        }
        if (fails === true) throw new Error('It was to fail.');
        return { of: id };
      },
    });
    closers.push(() => consumer.close({ timeoutMs: 3000 }));
    await consumer.start();
    return consumer;
  };
  const onError = (event: unknown): void => {
    const { part, error } = event as { part: string; error: Error };
    if (part === 'consumer') errors.push(error);
  };
  subscribe('holdfast:queue:error', onError);
  closers.push(async () => unsubscribe('holdfast:queue:error', onError));
  await queues.addMany(
    'results',
    Array.from({ length: jobs }, (_, n) => ({ data, options: { jobId: `j${n}`, attempts: data.fails ? 1 : 3 } })),
  );
  const run: Run = { starts, errors, backend, queues, consumer: await start(), start };
  await eventually(() => expect(starts.size).toBe(jobs));
  await spoil();
  errors.length = 0;
  hold.resolve();
  await isSpoiledFor(run);
  await mend();
  await eventually(async () => {
    const { counts } = await queues.summary('results');
    expect(counts).toMatchObject(data.fails === true ? { failed: jobs } : { completed: jobs });
  });
  return run;
}

const expectOneStartEach = ({ starts }: Run): void =>
  expect([...starts.values()]).toEqual(Array.from({ length: jobs }, () => 1));

/** So many answers to the worker begin so: each job was refused at least, and most of them several times. */
const refused =
  (text: RegExp) =>
  async ({ errors }: Run): Promise<void> =>
    eventually(() => {
      expect(errors.filter(({ message }) => text.test(message)).length).toBeGreaterThanOrEqual(3 * jobs);
    });

const configured = (name: string, bad: string, good: string) => async (): Promise<Fault> => {
  const redis = await server();
  return {
    target: at(redis),
    spoil: () => redis.command('CONFIG', 'SET', name, bad),
    mend: () => redis.command('CONFIG', 'SET', name, good),
  };
};

const faults: readonly (readonly [string, () => Promise<Fault>, RegExp])[] = [
  ['has too few replicas', configured('min-replicas-to-write', '1', '0'), /NOREPLICAS/],
  [
    'is a replica',
    async () => {
      const redis = await server();
      return {
        target: at(redis),
        spoil: () => redis.command('REPLICAOF', '127.0.0.1', '1'),
        mend: () => redis.command('REPLICAOF', 'NO', 'ONE'),
      };
    },
    /READONLY/,
  ],
  [
    'is a replica that serves nobody',
    async () => {
      const redis = await server('--replica-serve-stale-data', 'no');
      return {
        target: at(redis),
        spoil: () => redis.command('REPLICAOF', '127.0.0.1', '1'),
        mend: () => redis.command('REPLICAOF', 'NO', 'ONE'),
      };
    },
    /MASTERDOWN|READONLY/,
  ],
  [
    'cannot save',
    async () => {
      const redis = await server('--save', '3600 1');
      return {
        target: at(redis),
        spoil: async () => {
          // What a full disk does to a snapshot, a directory that is gone does too.
          rmSync(redis.directory, { recursive: true });
          await redis.command('BGSAVE').catch(() => undefined);
          await eventually(async () => {
            expect(String(await redis.command('INFO', 'persistence'))).toContain('rdb_last_bgsave_status:err');
          });
        },
        mend: () => redis.command('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no'),
      };
    },
    /MISCONF/,
  ],
  [
    'forbids writes',
    async () => {
      const redis = await server();
      return {
        target: at(redis),
        spoil: () => redis.command('ACL', 'SETUSER', 'default', '-@write'),
        mend: () => redis.command('ACL', 'SETUSER', 'default', '+@all'),
      };
    },
    /NOPERM|can't run this command/,
  ],
  [
    'forbids scripts',
    async () => {
      const redis = await server();
      return {
        target: at(redis),
        spoil: () => redis.command('ACL', 'SETUSER', 'default', '-@scripting'),
        mend: () => redis.command('ACL', 'SETUSER', 'default', '+@all'),
      };
    },
    /NOPERM/,
  ],
];

describe('the results of ten jobs', () => {
  it.each(faults)('whose Redis %s are handed in when it is mended, and no job runs again', async (_, make, text) => {
    expectOneStartEach(await throughFault(await make(), refused(text)));
  });

  it.each(faults)('that failed, and whose Redis %s, are recorded as one failure each', async (_, make, text) => {
    const run = await throughFault(await make(), refused(text), { fails: true });
    expectOneStartEach(run);
    const failed = await run.backend.open('results').call((queue) => queue.getFailed());
    const once = Array.from({ length: jobs }, () => [1, 1]);
    expect(failed.map(({ attemptsMade, stacktrace }) => [attemptsMade, stacktrace?.length])).toEqual(once);
  });

  it('that tell of their progress are not made to fail by a Redis that does not note it', async () => {
    const fault = await configured('min-replicas-to-write', '1', '0')();
    expectOneStartEach(await throughFault(fault, refused(/NOREPLICAS/), { tells: true }));
  });

  it('are taken by a Redis whose memory is full, as they free more than they take', async () => {
    const fault = await configured('maxmemory', '1', '0')();
    const run = await throughFault(fault, async ({ starts }) => expect(starts.size).toBe(jobs));
    expectOneStartEach(run);
  });

  it('are handed in once a password that was changed is changed back', async () => {
    const redis = await server('--requirepass', 'right');
    const admin = await PlainRedis.connect(redis.url.replace('//', '//:right@'));
    closers.push(async () => admin.close());
    const fault: Fault = {
      target: at(redis, { password: 'right' }),
      spoil: async () => {
        await admin.send('CONFIG', 'SET', 'requirepass', 'other');
        await admin.send('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      },
      mend: () => admin.send('CONFIG', 'SET', 'requirepass', 'right'),
    };
    const lockedOut = async ({ errors }: Run): Promise<void> =>
      eventually(() => expect(errors.filter(({ message }) => message.includes('WRONGPASS')).length).toBeGreaterThan(5));
    expectOneStartEach(await throughFault(fault, lockedOut));
  });

  it('are handed in once a Redis has loaded its data', async () => {
    // A tenth of a second for each key, with an answer to others after each few bytes.
    const slow = ['--key-load-delay', '100000', '--loading-process-events-interval-bytes', '1024'];
    const redis = await server(...slow, '--enable-debug-command', 'local');
    let loaded: Promise<unknown> | undefined;
    const fault: Fault = {
      target: at(redis),
      spoil: async () => {
        loaded = redis.command('DEBUG', 'RELOAD');
        await eventually(async () => expect(String(await redis.command('INFO'))).toContain('loading:1'));
      },
      mend: async () => loaded,
    };
    const isLoading = async ({ errors }: Run): Promise<void> =>
      eventually(() => expect(errors.some(({ message }) => message.startsWith('LOADING'))).toBe(true));
    expectOneStartEach(await throughFault(fault, isLoading));
  });

  it('are handed in once a Redis that stood still goes on', async () => {
    const redis = await server();
    const fault: Fault = { target: at(redis), spoil: async () => redis.pause(), mend: async () => redis.resume() };
    const unanswered = async ({ queues }: Run): Promise<void> =>
      expect(queues.summary('results')).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    expectOneStartEach(await throughFault(fault, unanswered));
  });

  it('are handed in once, where connections break before the reply', async () => {
    const redis = await server();
    const proxy = await FaultProxy.listen(redis);
    closers.push(() => proxy.close());
    const fault: Fault = { target: at(proxy), spoil: async () => undefined, mend: async () => undefined };
    expectOneStartEach(await throughFault(fault, async () => proxy.cutBeforeReply({ matching: 'lockDuration' })));
  });
});

describe('a worker that holds on to results', () => {
  it('keeps their jobs, also beyond the life of their locks', async () => {
    const redis = await server();
    const fault: Fault = {
      target: at(redis),
      spoil: async () => {
        for (let n = 0; n < jobs; n += 1) {
          await redis.command('PEXPIRE', `holdfast:jobs:{results}:results:j${n}:lock`, '300');
        }
        await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '1');
      },
      mend: () => redis.command('CONFIG', 'SET', 'min-replicas-to-write', '0'),
    };
    const withoutLocks = async (): Promise<void> =>
      eventually(async () => {
        const locks = Array.from({ length: jobs }, (_, n) => `holdfast:jobs:{results}:results:j${n}:lock`);
        expect(await redis.command('EXISTS', ...locks)).toBe(0);
      });
    expectOneStartEach(await throughFault(fault, withoutLocks));
  });

  it('lets go of one that is another worker’s by now, and has room for others', async () => {
    const redis = await server();
    await redis.command('ACL', 'SETUSER', 'worker', 'on', '>pw', '+@all', '~*', '&*');
    const others = createRedisBackend({ target: at(redis) });
    const taken = new Set<string>();
    closers.push(() => others.close());
    const fault: Fault = {
      target: at(redis, { username: 'worker', password: 'pw' }),
      spoil: () => redis.command('ACL', 'SETUSER', 'worker', '-@write'),
      mend: () => redis.command('ACL', 'SETUSER', 'worker', '+@all'),
    };
    const takenByAnother = async (run: Run): Promise<void> => {
      await refused(/NOPERM|can't run this command/)(run);
      for (let n = 0; n < jobs; n += 1) {
        const token = await redis.command('GET', `holdfast:jobs:{results}:results:j${n}:lock`);
        await others.registry('results').giveBack(`j${n}`, String(token));
      }
      const second = new Consumer({
        backend: others,
        definition,
        handler: async ({ id }) => {
          taken.add(id);
          return 'second';
        },
      });
      await second.start();
      await eventually(() => expect(taken.size).toBe(jobs));
      await second.close({ timeoutMs: 5000 });
    };
    const run = await throughFault(fault, takenByAnother);
    const completed = await run.backend.open('results').call((queue) => queue.getCompleted());
    expect(new Set(completed.map(({ returnvalue }) => returnvalue))).toEqual(new Set(['second']));
    // All its slots were held.
    const again = Array.from({ length: jobs }, (_, n) => ({ data: {}, options: { jobId: `again${n}` } }));
    await run.queues.addMany('results', again);
    await eventually(() => expect(run.starts.size).toBe(2 * jobs));
  });

  it('ends in time all the same', async () => {
    const fault = await configured('min-replicas-to-write', '1', '0')();
    const run = await throughFault(fault, async (running) => {
      await refused(/NOREPLICAS/)(running);
      await running.consumer.close({ timeoutMs: 2000 });
      expect(running.consumer.status()).toMatchObject({ running: false, active: 0 });
      // Whoever comes next runs them, once more, and at once: it is known that this worker is gone.
      await fault.mend();
      await running.start();
    });
    expect([...run.starts.values()]).toEqual(Array.from({ length: jobs }, () => 2));
  });
});

describe('the results of ten jobs in a cluster', () => {
  const inCluster = async (fullCoverage: 'yes' | 'no'): Promise<Fault> => {
    const cluster = await startCluster();
    closers.push(() => cluster.stop());
    for (const node of cluster.nodes) {
      await node.command('CONFIG', 'SET', 'cluster-replica-no-failover', 'yes');
      await node.command('CONFIG', 'SET', 'cluster-require-full-coverage', fullCoverage);
    }
    const own = await cluster.masterOf('holdfast:jobs:{results}:results:meta');
    const other = (await cluster.masters()).find((master) => master !== own);
    // The one of the queue itself, or another, without which a cluster that wants all its slots serves none.
    const victim = fullCoverage === 'no' || other === undefined ? own : other;
    return {
      target: { kind: 'cluster', nodes: cluster.addresses },
      spoil: async () => {
        await victim.command('SAVE');
        await victim.kill();
      },
      mend: () => victim.start(),
    };
  };

  it('that is down as a whole are handed in when it is up again', async () => {
    const run = await throughFault(await inCluster('yes'), refused(/CLUSTERDOWN/));
    expectOneStartEach(run);
  });

  it('whose master is dead are handed in when that is back', async () => {
    const run = await throughFault(await inCluster('no'), async ({ errors }) =>
      eventually(() => expect(errors.length).toBeGreaterThan(jobs)),
    );
    expectOneStartEach(run);
  });
});
