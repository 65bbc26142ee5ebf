import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { closedPort, eventually, Latch, startRedis, type RedisServer } from '@holdfast/testing';
import { setTimeout as delay } from 'node:timers/promises';
import { Type } from 'typebox';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  Consumer,
  createRedisBackend,
  defineQueue,
  Queues,
  type QueueAvailabilityEvent,
  type QueueBackend,
  type QueueErrorEvent,
} from '../../src/index.ts';

/** Of a call to a Redis that is frozen, and else: a busy machine is no outage. */
const [hastyMs, patientMs] = [400, 10_000];

const definition = defineQueue({
  name: 'outage',
  description: 'For the tests of outages.',
  payload: Type.Object({ n: Type.Integer() }),
  attempts: 3,
  timeoutMs: 10_000,
  retention: { completed: {}, failed: {} },
  concurrency: 5,
});

describe('a queue whose Redis is away', () => {
  let redis: RedisServer;
  const closers: (() => Promise<void>)[] = [];

  const backendOn = (port: number, commandTimeoutMs = patientMs): QueueBackend =>
    createRedisBackend({ target: { kind: 'standalone', host: '127.0.0.1', port }, commandTimeoutMs });

  const open = (port = redis.port, commandTimeoutMs = patientMs): Queues => {
    const queues = new Queues({ backend: backendOn(port, commandTimeoutMs), definitions: [definition] });
    closers.push(async () => queues.close());
    return queues;
  };

  const consume = async (port: number, onJob: () => void): Promise<Consumer> => {
    const backend = backendOn(port);
    const consumer = new Consumer({ backend, definition, handler: async () => onJob() });
    closers.push(async () => consumer.close({ timeoutMs: 2000 }));
    await consumer.start();
    return consumer;
  };

  const add = async (queues: Queues, jobId: string): Promise<unknown> =>
    queues.add('outage', { data: { n: 1 }, options: { jobId } }).then(
      () => 'added',
      (error: { code: string }) => error.code,
    );

  const jobExists = async (jobId: string): Promise<unknown> =>
    redis.command('EXISTS', `holdfast:jobs:{outage}:outage:${jobId}`);

  beforeAll(async () => {
    redis = await startRedis({ args: ['--appendonly', 'yes'] });
  });
  afterEach(async () => {
    await Promise.all(closers.splice(0).map(async (close) => close()));
  });
  afterAll(async () => redis.stop());

  it('publishes that it went and came, once each, and calls those who wait for its return', async () => {
    const server = await startRedis();
    const events: QueueAvailabilityEvent[] = [];
    const onEvent = (event: unknown): void => void events.push(event as QueueAvailabilityEvent);
    subscribe('holdfast:queue:availability', onEvent);
    const backend = backendOn(server.port);
    const queues = new Queues({ backend, definitions: [definition] });
    const consumer = new Consumer({ backend, definition, handler: async () => undefined });
    let returns = 0;
    const stop = backend.onReturn(() => (returns += 1));
    await consumer.start();
    const address = `redis://127.0.0.1:${server.port}`;
    await eventually(() => expect(events).toEqual([{ available: true, address }]));
    expect(returns).toBe(0);

    await server.kill();
    await eventually(() => expect(events).toHaveLength(2));
    await expect(queues.summary('outage')).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    await server.start();
    await eventually(() => expect(returns).toBe(1));
    expect(events).toEqual([
      { available: true, address },
      {
        available: false,
        address,
        reason: expect.stringMatching(/lost|closed|ECONN|EPIPE/) as unknown,
        fault: expect.stringMatching(/^(closed|refused)$/) as unknown,
      },
      { available: true, address },
    ]);

    stop();
    await server.restart();
    await eventually(() => expect(events).toHaveLength(5));
    expect(returns).toBe(1);
    await consumer.close({ timeoutMs: 2000 });
    await queues.close();
    unsubscribe('holdfast:queue:availability', onEvent);
    // An end that was asked for is no outage.
    expect(events).toHaveLength(5);
    await server.stop();
  });

  it('says so at once when nothing listens, and in all calls', async () => {
    const queues = open(await closedPort(), 600_000);
    expect(await add(queues, 'refused')).toBe('QUEUE_UNAVAILABLE');
    await expect(queues.get('outage', 'x')).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE', status: 503 });
    await expect(queues.get('outage', 'x', { waitMs: 30_000 })).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    await expect(queues.summary('outage')).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE', retryable: true });
    await expect(
      queues.ensureSchedules([{ queue: 'outage', id: 's', data: { n: 1 }, runAtStart: true }]),
    ).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
  });

  it('adds none of the refused jobs later, and heals by itself, after Redis was killed', async () => {
    const queues = open();
    expect(await add(queues, 'before-kill')).toBe('added');
    await redis.kill();
    // The end of the process may be known a moment before the end of the connection.
    await eventually(async () => expect(await add(queues, 'noticing')).toBe('QUEUE_UNAVAILABLE'));
    const codes = await Promise.all(Array.from({ length: 20 }, async (_, n) => add(queues, `killed-${n}`)));
    expect(new Set(codes)).toEqual(new Set(['QUEUE_UNAVAILABLE']));
    await redis.start();
    await eventually(async () => expect(await add(queues, 'after-kill')).toBe('added'));
    expect(await Promise.all(codes.map(async (_, n) => jobExists(`killed-${n}`)))).toEqual(codes.map(() => 0));
    expect(await jobExists('before-kill')).toBe(1);
  });

  it('adds nothing later when Redis was frozen, although the kernel had taken the command', async () => {
    const queues = open(redis.port, hastyMs);
    await eventually(async () => expect(await add(queues, 'before-pause')).toBe('added'));
    redis.pause();
    const first = await Promise.all([add(queues, 'frozen-0'), add(queues, 'frozen-1')]);
    expect(first).toEqual(['QUEUE_OUTCOME_UNKNOWN', 'QUEUE_OUTCOME_UNKNOWN']);
    expect(await add(queues, 'frozen-2')).toMatch(/QUEUE_UNAVAILABLE|QUEUE_OUTCOME_UNKNOWN/);
    await eventually(async () =>
      expect(await queues.summary('outage').catch(String)).toContain(`redis://127.0.0.1:${redis.port} does not answer`),
    );
    // Where the connection was given up under the last of them, it may be carried out until its own deadline.
    await delay(hastyMs);
    redis.resume();
    await eventually(async () => expect(await add(queues, 'after-pause')).toBe('added'));
    expect(await Promise.all([0, 1, 2].map(async (n) => jobExists(`frozen-${n}`)))).toEqual([0, 0, 0]);
  });

  it('knows a job that was added although its reply was lost, when it is added again', async () => {
    const queues = open();
    expect(await add(queues, 'lost-reply')).toBe('added');
    expect(await queues.add('outage', { data: { n: 1 }, options: { jobId: 'lost-reply' } })).toMatchObject({
      duplicate: true,
    });
  });

  it('works from a start without Redis, once Redis is there', async () => {
    await redis.kill();
    const queues = open();
    const ran = new Latch();
    await consume(redis.port, ran.open);
    expect(await add(queues, 'too-early')).toBe('QUEUE_UNAVAILABLE');
    await redis.start();
    await eventually(async () => expect(await add(queues, 'in-time')).toBe('added'));
    await ran.wait();
    expect(await queues.get('outage', 'in-time', { waitMs: 30_000 })).toMatchObject({ state: 'completed' });
  });

  it('goes on consuming after Redis was restarted', async () => {
    const queues = open();
    let ran = 0;
    await consume(redis.port, () => (ran += 1));
    expect(await add(queues, 'round-1')).toBe('added');
    await eventually(() => expect(ran).toBeGreaterThanOrEqual(1));
    await redis.restart();
    await eventually(async () => expect(await add(queues, 'round-2')).toBe('added'));
    expect(await queues.get('outage', 'round-2', { waitMs: 30_000 })).toMatchObject({ state: 'completed' });
  });

  it('refuses a job that Redis has no memory for', async () => {
    const queues = open();
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    try {
      expect(await add(queues, 'no-room')).toBe('QUEUE_OUT_OF_MEMORY');
    } finally {
      await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    }
    expect(await jobExists('no-room')).toBe(0);
    expect(await add(queues, 'room')).toBe('added');
  });

  it('is away for what ended its connections, whatever they were told before', async () => {
    const server = await startRedis();
    const address = `redis://127.0.0.1:${server.port}`;
    const reasons: (string | undefined)[] = [];
    const errors: string[] = [];
    const onAway = (event: unknown): void => {
      const { address: at, available, reason } = event as QueueAvailabilityEvent;
      if (at === address && !available) reasons.push(reason);
    };
    const onError = (event: unknown): void => void errors.push((event as QueueErrorEvent).error.message);
    subscribe('holdfast:queue:availability', onAway);
    subscribe('holdfast:queue:error', onError);
    try {
      await consume(server.port, () => undefined);
      await server.command('CONFIG', 'SET', 'maxmemory', '1');
      await eventually(() => expect(errors.some((message) => message.startsWith('OOM'))).toBe(true));
      // Those of the worker alone, which was told that there is no memory.
      const clients = String(await server.command('CLIENT', 'LIST'));
      const ids = [...clients.matchAll(/^id=(\d+) .*name=holdfast:consumer /gm)].map(([, id]) => id ?? '');
      expect(ids).not.toEqual([]);
      for (const id of ids) await server.command('CLIENT', 'KILL', 'ID', id);
      await eventually(() => expect(reasons).not.toEqual([]));
      expect(reasons.filter((reason) => reason?.includes('OOM') === true)).toEqual([]);
    } finally {
      unsubscribe('holdfast:queue:availability', onAway);
      unsubscribe('holdfast:queue:error', onError);
      await Promise.all(closers.splice(0).map(async (close) => close()));
      await server.stop();
    }
  });

  it('adds in time when the clock of Redis is far from ours', async () => {
    // What a jump of the clock does: the offset that was learned is wrong, the reply corrects it.
    const queues = open();
    expect(await add(queues, 'clock-0')).toBe('added');
    const realNow = Date.now;
    try {
      Date.now = () => realNow() - 3_600_000;
      expect(await add(queues, 'clock-1')).toBe('added');
      Date.now = () => realNow() + 3_600_000;
      expect(await add(queues, 'clock-2')).toBe('added');
    } finally {
      Date.now = realNow;
    }
  });

  it.each(['consumer', 'queues'])('closes while Redis is away: %s', async (which) => {
    const queues = open();
    const consumer = await consume(redis.port, () => {});
    await add(queues, `closing-${which}`);
    redis.pause();
    try {
      await (which === 'queues' ? queues.close() : consumer.close({ timeoutMs: 1000 }));
    } finally {
      redis.resume();
    }
  });
});

describe('a target that is not reached over TCP', () => {
  it.each([{ kind: 'upstash', url: 'https://redis.invalid', token: 'token' } as const, { kind: 'memory' } as const])(
    'is refused: $kind',
    (target) => {
      expect(() => createRedisBackend({ target })).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }));
    },
  );
});
