import { eventually, Latch, PlainRedis, uniquePrefix, useRedis } from '@holdfast/testing';
import { UnrecoverableError } from 'bullmq';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Type } from 'typebox';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  Consumer,
  createRedisBackend,
  defineQueue,
  Permits,
  Queues,
  type ConsumerOptions,
  type Handler,
  type JobView,
  type QueueBackend,
} from '../../src/index.ts';
import { createEmbeddedBackend } from '../../src/embedded.ts';

const names = [
  'cancel',
  'signals',
  'keys',
  'expire',
  'limited',
  'shared-a',
  'shared-b',
  'elsewhere',
  'handed',
  'at-once',
] as const;
const definitions = names.map((name) =>
  defineQueue({
    name,
    description: `For the test of ${name}.`,
    payload: Type.Object({ n: Type.Integer() }),
    attempts: 3,
    timeoutMs: 20_000,
    concurrency: 4,
    retention: { completed: {}, failed: {} },
    ...(name === 'limited' && { rateLimit: { max: 2, durationMs: 400 } }),
  }),
);
type Name = (typeof names)[number];

describe.each(['redis', 'embedded'])('jobs on the %s backend', (kind) => {
  let backend: QueueBackend;
  let queues: Queues;
  const prefix = uniquePrefix('consuming');
  const closers: (() => Promise<unknown>)[] = [];
  const onRedis = (): QueueBackend => {
    const { host, port } = useRedis();
    return createRedisBackend({ target: { kind: 'standalone', host, port }, keyPrefix: prefix });
  };

  beforeAll(async () => {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-consuming-'));
    backend = kind === 'redis' ? onRedis() : await createEmbeddedBackend({ directory });
    queues = new Queues({ backend, definitions });
    return async () => rm(directory, { recursive: true, force: true });
  });
  afterEach(async () => {
    await Promise.all(closers.splice(0).map(async (close) => close()));
  });
  afterAll(async () => queues.close());

  const consume = async (
    queue: Name,
    handler: Handler<(typeof definitions)[number]>,
    options: Partial<ConsumerOptions> = {},
  ): Promise<Consumer> => {
    const definition = queues.definition(queue);
    const consumer = new Consumer({ backend, definition, ...options, handler });
    closers.push(async () => consumer.close({ timeoutMs: 2000 }));
    await consumer.start();
    return consumer;
  };
  const add = async (queue: Name, jobId: string, options: object = {}): Promise<string> =>
    (await queues.add(queue, { data: { n: 1 }, options: { jobId, ...options } })).id;
  const ended = async (queue: Name, id: string): Promise<JobView> =>
    eventually(async () => {
      const job = await queues.get(queue, id);
      expect(job?.state).toMatch(/^(completed|failed)$/);
      return job as JobView;
    });

  /** Until each has asked for a job; on Redis, until its connection blocks because there was none. */
  const asksInVain = async (consumers: readonly Consumer[]): Promise<void> => {
    await eventually(() => {
      for (const consumer of consumers) expect(consumer.status().lastFetchAt).not.toBeNull();
    });
    if (kind === 'embedded') return;
    const redis = await PlainRedis.connect(useRedis().url);
    await eventually(async () => {
      const clients = String(await redis.send('CLIENT', 'LIST')).split('\n');
      const blocked = clients.filter((client) => client.includes(prefix) && client.includes('cmd=bzpopmin'));
      expect(blocked).toHaveLength(consumers.length);
    });
    redis.close();
  };

  it('takes a result that is no promise, and an error that is thrown at once', async () => {
    await consume('at-once', (job) => {
      if (job.data.n === 0) throw new Error('nothing to do');
      return job.data.n * 2;
    });
    await queues.add('at-once', { data: { n: 21 }, options: { jobId: 'well' } });
    await queues.add('at-once', { data: { n: 0 }, options: { jobId: 'badly', attempts: 1 } });
    expect(await ended('at-once', 'well')).toMatchObject({ state: 'completed', result: 42 });
    expect(await ended('at-once', 'badly')).toMatchObject({ state: 'failed', error: { message: 'nothing to do' } });
  });

  describe('cancelling', () => {
    it.each([0, 60_000])(
      'fails a job that waits (delay %i ms) without running it, and before all others',
      async (delayMs) => {
        const ran: string[] = [];
        const others = ['first', 'second'].map((id) => `${id}-${delayMs}`);
        for (const id of others) await add('cancel', id, { priority: 'high' });
        const id = await add('cancel', `waits-${delayMs}`, { delayMs });
        expect(await queues.cancel('cancel', id, 'not needed')).toBe('waiting');
        await consume('cancel', async (job) => void ran.push(job.id), { concurrency: 1 });
        expect(await ended('cancel', id)).toMatchObject({
          state: 'failed',
          error: { code: 'JOB_CANCELLED', message: 'not needed' },
        });
        for (const other of others) await ended('cancel', other);
        expect(ran.sort()).toEqual(others);
      },
    );

    it('tells a job that runs through its signal, and lets it have no further attempt', async () => {
      const [started, told] = [new Latch(), new Latch()];
      let reason: unknown;
      await consume('signals', async ({ signal }) => {
        started.open();
        signal.addEventListener('abort', () => {
          ({ reason } = signal);
          told.open();
        });
        await delay(15_000, undefined, { signal });
      });
      const id = await add('signals', 'runs');
      await started.wait();
      expect(await queues.cancel('signals', id, 'too late')).toBe('active');
      await told.wait();
      expect(reason).toMatchObject({ code: 'JOB_CANCELLED', message: 'too late' });
      expect(await ended('signals', id)).toMatchObject({
        state: 'failed',
        attemptsMade: 1,
        error: { code: 'JOB_CANCELLED', message: 'too late' },
      });
    });

    it('refuses a job that has ended, and knows when there is none', async () => {
      await consume('keys', async () => undefined);
      const id = await add('keys', 'done');
      await ended('keys', id);
      await expect(queues.cancel('keys', id)).rejects.toMatchObject({ code: 'JOB_STATE_CONFLICT', status: 409 });
      expect(await queues.cancel('keys', 'nobody')).toBeUndefined();
      expect(await queues.cancel('keys', 'a:b')).toBeUndefined();
      await expect(queues.cancel('none', 'x')).rejects.toMatchObject({ code: 'QUEUE_UNKNOWN' });
    });

    it.runIf(kind === 'redis')('reaches a job that runs in another process within a heartbeat', async () => {
      const started = new Latch();
      await consume('elsewhere', async ({ signal }) => {
        started.open();
        await delay(15_000, undefined, { signal });
      });
      const id = await add('elsewhere', 'runs');
      await started.wait();
      const other = new Queues({ backend: onRedis(), definitions });
      expect(await other.cancel('elsewhere', id)).toBe('active');
      expect(await ended('elsewhere', id)).toMatchObject({ error: { code: 'JOB_CANCELLED' } });
      await other.close();
    });
  });

  it('has one idempotency key over all its attempts, and no other job has it', async () => {
    const seen: string[] = [];
    await consume('keys', async (job) => {
      seen.push(job.idempotencyKey);
      if (job.attempt < 3) throw new Error('again');
    });
    await ended('keys', await add('keys', 'thrice'));
    await ended('keys', await add('keys', 'other'));
    expect([seen.length, new Set(seen).size]).toEqual([6, 2]);
  });

  it('ends at once with an UnrecoverableError of BullMQ', async () => {
    await consume('keys', async () => {
      throw new UnrecoverableError('never');
    });
    expect(await ended('keys', await add('keys', 'unrecoverable'))).toMatchObject({
      attemptsMade: 1,
      error: { code: 'JOB_FAILED', message: 'never' },
    });
  });

  it('is not run when it waited longer than it may, and says so', async () => {
    const ran: string[] = [];
    await add('expire', 'stale', { waitingTtlMs: 50 });
    await add('expire', 'fresh', { waitingTtlMs: 60_000 });
    await delay(80);
    await consume('expire', async ({ id }) => void ran.push(id));
    expect(await ended('expire', 'stale')).toMatchObject({ state: 'failed', error: { code: 'JOB_EXPIRED' } });
    expect(await ended('expire', 'fresh')).toMatchObject({ state: 'completed' });
    expect(ran).toEqual(['fresh']);
  });

  it('starts no more often than the rate limit of its queue allows, over two consumers', async () => {
    const starts: number[] = [];
    for (let n = 0; n < 6; n += 1) await add('limited', `limited-${n}`);
    const handler = async (): Promise<void> => void starts.push(Date.now());
    const before = Date.now();
    await Promise.all([consume('limited', handler), consume('limited', handler)]);
    await eventually(() => expect(starts).toHaveLength(6));
    starts.sort((a, b) => a - b);
    // Two a window: the fifth begins in the third window, and no window began before there was anybody to ask.
    expect((starts[4] ?? 0) - before).toBeGreaterThanOrEqual(500);
  });

  it('shares the permits of a process fairly between queues, and holds none back in the state active', async () => {
    const permits = new Permits(2);
    const order: string[] = [];
    let [running, most] = [0, 0];
    const handler: Handler<(typeof definitions)[number]> = async ({ queue }) => {
      running += 1;
      most = Math.max(most, running);
      order.push(queue);
      await delay(20);
      running -= 1;
    };
    for (let n = 0; n < 10; n += 1) {
      await add('shared-a', `shared-${n}`);
      await add('shared-b', `shared-${n}`);
    }
    await Promise.all([consume('shared-a', handler, { permits }), consume('shared-b', handler, { permits })]);
    await eventually(async () => {
      const { counts } = await queues.summary('shared-a');
      expect(counts.active).toBeLessThanOrEqual(2);
      expect(order).toHaveLength(20);
    });
    expect(most).toBe(2);
    // Neither queue has to wait until the other is empty.
    expect(new Set(order.slice(0, 6)).size).toBe(2);
    await eventually(() => expect(permits.taken).toBe(0));
  });

  it('wakes an idle worker when it is handed back', async () => {
    const started = new Latch();
    const leaving = await consume('handed', async ({ signal }) => {
      started.open();
      await delay(15_000, undefined, { signal });
    });
    await add('handed', 'back');
    await started.wait();
    const taken = new Latch();
    const idle = await consume('handed', async () => taken.open());
    await asksInVain([leaving, idle]);
    await leaving.close({ timeoutMs: 1500 });
    await taken.wait();
  });
});
