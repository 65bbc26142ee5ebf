import { eventually, startRedis, type RedisServer } from '@holdfast/testing';
import { Type } from 'typebox';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Consumer, createRedisBackend, defineQueue, Queues, type QueueBackend } from '../../src/index.ts';

const definition = defineQueue({
  name: 'asked',
  description: 'Is changed while its Redis stands still.',
  payload: Type.Object({ fails: Type.Optional(Type.Boolean()) }),
  attempts: 1,
  timeoutMs: 10_000,
  retention: { completed: {}, failed: {} },
  concurrency: 5,
});

let redis: RedisServer;
let backend: QueueBackend;
/** Of a caller who has little patience, for what is asked of a Redis that stands still. */
let queues: Queues;
/** For everything else, however busy the machine. */
let patient: Queues;
beforeEach(async () => {
  redis = await startRedis();
  const impatient = createRedisBackend({
    target: { kind: 'standalone', host: redis.host, port: redis.port },
    commandTimeoutMs: 500,
  });
  queues = new Queues({ backend: impatient, definitions: [definition] });
  const target = { kind: 'standalone', host: redis.host, port: redis.port } as const;
  backend = createRedisBackend({ target, commandTimeoutMs: 30_000 });
  patient = new Queues({ backend, definitions: [definition] });
  // Which also tells it what the time is there.
  await eventually(async () => queues.admin.resume('asked'));
});
afterEach(async () => {
  await queues.close();
  await patient.close();
  await redis.stop();
});

/** The code that a call rejects with, which is made of a Redis that stands still, and goes on when the call is over. */
async function whileStopped(call: () => Promise<unknown>): Promise<unknown> {
  // Its connection is there: a call that finds none is not sent.
  await eventually(async () => queues.summary('asked'));
  redis.pause();
  try {
    return await call().then(
      () => 'done',
      (error: { code?: string }) => error.code,
    );
  } finally {
    redis.resume();
    // What had been written to the connections is read before this, or they have ended.
    await eventually(async () => patient.summary('asked'));
  }
}

async function addFailed(id: string): Promise<void> {
  const worker = createRedisBackend({ target: { kind: 'standalone', host: redis.host, port: redis.port } });
  const handler = async (): Promise<never> => {
    throw new Error('It was to fail.');
  };
  const consumer = new Consumer({ backend: worker, definition, handler });
  await patient.add('asked', { data: {}, options: { jobId: id } });
  await consumer.start();
  await eventually(async () => expect(await patient.get('asked', id)).toMatchObject({ state: 'failed' }));
  await consumer.close({ timeoutMs: 5000 });
  await worker.close();
}

const unknown = 'QUEUE_OUTCOME_UNKNOWN';
const addDelayed = async (jobId: string): Promise<unknown> =>
  patient.add('asked', { data: {}, options: { jobId, delayMs: 3_600_000 } });
const stateOf = async (id: string): Promise<unknown> => (await patient.get('asked', id))?.state;

describe('a change that a stopped Redis has not answered', () => {
  it('pause: it is not known, and not done later', async () => {
    await patient.summary('asked');
    expect(await whileStopped(() => queues.admin.pause('asked'))).toBe(unknown);
    expect(await patient.summary('asked')).toMatchObject({ paused: false });
    await patient.admin.pause('asked');
    expect(await whileStopped(() => queues.admin.resume('asked'))).toBe(unknown);
    expect(await patient.summary('asked')).toMatchObject({ paused: true });
    await patient.admin.resume('asked');
    expect(await patient.summary('asked')).toMatchObject({ paused: false });
  });

  it('cancel: likewise', async () => {
    await addDelayed('j');
    expect(await whileStopped(() => queues.cancel('asked', 'j'))).toBe(unknown);
    expect(await stateOf('j')).toBe('delayed');
    expect(await patient.cancel('asked', 'j')).toBeDefined();
  });

  it('redrive, and the removal of dead letters: likewise', async () => {
    await addFailed('f');
    expect(await whileStopped(() => queues.redrive('asked'))).toBe(unknown);
    expect(await stateOf('f')).toBe('failed');
    expect(await whileStopped(() => queues.cleanDeadLetters('asked', { ids: ['f'] }))).toBe(unknown);
    expect(await stateOf('f')).toBe('failed');
    expect(await patient.redrive('asked')).toMatchObject({ redriven: 1 });
  });

  it.each<readonly [string, () => Promise<unknown>]>([
    ['remove', () => queues.admin.remove('asked', 'j')],
    ['promote', () => queues.admin.promote('asked', 'j')],
    ['drain', () => queues.admin.drain('asked', { delayed: true })],
    ['clean', () => queues.admin.clean('asked', { state: 'delayed' })],
  ])('%s: likewise', async (_, call) => {
    await addDelayed('j');
    expect(await whileStopped(call)).toBe(unknown);
    expect(await stateOf('j')).toBe('delayed');
    await eventually(async () => {
      await call().catch(() => undefined);
      expect(await stateOf('j')).not.toBe('delayed');
    });
  });

  it('schedules: it is not known', async () => {
    const put = async (): Promise<unknown> =>
      queues.schedules.put('asked', 's', { everyMs: 60_000, job: { data: {} } });
    await eventually(put);
    // The first thing that it does is to ask.
    const codes = [await whileStopped(() => queues.schedules.remove('asked', 's')), await whileStopped(put)];
    for (const code of codes) expect(code).toMatch(/QUEUE_UNAVAILABLE|QUEUE_OUTCOME_UNKNOWN/);
  });

  it('of which a part was done: it is not known either, whatever became of the rest', async () => {
    await patient.addMany(
      'asked',
      Array.from({ length: 600 }, () => ({ data: {}, options: { delayMs: 3_600_000 } })),
    );
    const handle = backend.open('asked');
    const removeFrom = handle.changes.removeFrom.bind(handle.changes);
    let calls = 0;
    handle.changes.removeFrom = async (order) => {
      if (order.state === 'delayed') calls += 1;
      if (calls === 2) await redis.kill();
      return removeFrom(order);
    };
    // The step after that one finds no connection at all.
    const drain = async (): Promise<unknown> => patient.admin.drain('asked', { delayed: true });
    await expect(drain()).rejects.toMatchObject({ code: unknown });
    expect(calls).toBeGreaterThan(1);
    await redis.start();
  });

  it('what only reads is unavailable', async () => {
    await addDelayed('j');
    expect(await whileStopped(() => queues.get('asked', 'j'))).toBe('QUEUE_UNAVAILABLE');
    expect(await whileStopped(() => queues.summary('asked'))).toBe('QUEUE_UNAVAILABLE');
    expect(await whileStopped(() => queues.deadLetters('asked'))).toBe('QUEUE_UNAVAILABLE');
  });

  it('goes by the clock of Redis, also where that jumps', async () => {
    await patient.admin.pause('asked');
    const real = Date.now;
    try {
      // The offset that was learned is wrong by an hour from here on.
      Date.now = () => real() - 3_600_000;
      await patient.admin.resume('asked');
      expect(await patient.summary('asked')).toMatchObject({ paused: false });
    } finally {
      Date.now = real;
    }
  });
});
