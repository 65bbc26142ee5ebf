import { startRedis, type RedisServer } from '@holdfast/testing';
import { Type } from 'typebox';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRedisBackend, defineQueue, Queues, type ScheduleEntry } from '../../src/index.ts';

const plan = defineQueue({
  name: 'plan',
  description: 'Of two releases at once.',
  payload: Type.Object({ release: Type.String() }),
  attempts: 1,
  timeoutMs: 1000,
  concurrency: 1,
  retention: { completed: {}, failed: {} },
});

const entry = (release: string, pattern: string): ScheduleEntry<readonly [typeof plan]> => ({
  queue: 'plan',
  id: 'daily',
  data: { release },
  schedule: { pattern },
});
const old = entry('old', '0 6 * * *');
const fresh = entry('fresh', '0 7 * * *');

describe('schedules of two releases that live side by side', () => {
  let redis: RedisServer;
  const processes: Queues<readonly [typeof plan]>[] = [];

  beforeEach(async () => {
    redis = await startRedis();
  });
  afterEach(async () => {
    await Promise.all(processes.splice(0).map(async (one) => one.close()));
    await redis.stop();
  });

  /** As in a process of its own. */
  const start = (generation?: number, definition = plan): Queues<readonly [typeof plan]> => {
    const backend = createRedisBackend({ target: { kind: 'standalone', host: '127.0.0.1', port: redis.port } });
    const queues = new Queues({ backend, definitions: [definition], ...(generation !== undefined && { generation }) });
    processes.push(queues);
    return queues;
  };
  const installed = async (): Promise<string | undefined> =>
    (await processes[0]?.schedules.get('plan', 'daily'))?.pattern;
  /** As if all processes that declare what holds had been killed, three minutes ago. */
  const leaveNobody = async (): Promise<void> => {
    await redis.command('HSET', 'holdfast:jobs:{plan}:plan:schedules', 'alive:daily', '0');
  };

  it('are those of the newer one, however often the older repeats its own, also when the newer is gone', async () => {
    const [one, two] = [start(), start()];
    expect(await one.ensureSchedules([old])).toEqual([]);
    expect(await two.ensureSchedules([fresh])).toEqual([]);
    expect(await one.ensureSchedules([old])).toEqual([old]);
    expect(await installed()).toBe('0 7 * * *');
    await leaveNobody();
    expect(await one.ensureSchedules([old])).toEqual([old]);
    expect(await two.ensureSchedules([fresh])).toEqual([]);
    expect(await installed()).toBe('0 7 * * *');
  });

  it('are those of the newer one when a process of the older starts anew meanwhile', async () => {
    await start().ensureSchedules([old]);
    await start().ensureSchedules([fresh]);
    const again = start();
    expect(await again.ensureSchedules([{ ...old, runAtStart: true }])).toHaveLength(1);
    expect(await installed()).toBe('0 7 * * *');
    expect((await again.summary('plan')).counts).toMatchObject({ prioritized: 0, delayed: 1 });
  });

  it('are not removed by the older one, which does not know them, nor brought back when the newer removes them', async () => {
    const [one, two] = [start(), start()];
    expect(await one.schedules.undeclare('plan', 'daily')).toBe(true);
    await two.ensureSchedules([fresh]);
    expect(await one.schedules.undeclare('plan', 'daily')).toBe(false);
    expect(await start().schedules.undeclare('plan', 'daily')).toBe(false);
    expect(await installed()).toBe('0 7 * * *');
    await leaveNobody();
    expect(await start().schedules.undeclare('plan', 'daily')).toBe(true);
    expect(await two.ensureSchedules([fresh])).toEqual([fresh]);
    expect(await installed()).toBeUndefined();
  });

  it('are those of the release that was rolled back to once nobody of the other one is left, or at once by its number', async () => {
    await start().ensureSchedules([old]);
    const two = start();
    await two.ensureSchedules([fresh]);
    await leaveNobody();
    const back = start();
    expect(await back.ensureSchedules([old])).toEqual([]);
    expect(await installed()).toBe('0 6 * * *');
    expect(await two.ensureSchedules([fresh])).toEqual([fresh]);
    expect(await start(1).ensureSchedules([fresh])).toEqual([]);
    expect(await back.ensureSchedules([old])).toEqual([old]);
    expect(await start(2).ensureSchedules([old])).toEqual([]);
    expect(await installed()).toBe('0 6 * * *');
  });

  it('are those of the newer one after the store was emptied, whoever puts them back first', async () => {
    const [one, two] = [start(), start()];
    await one.ensureSchedules([old]);
    await two.ensureSchedules([fresh]);
    await redis.command('FLUSHALL');
    expect(await one.ensureSchedules([old])).toEqual([]);
    expect(await two.ensureSchedules([fresh])).toEqual([]);
    expect(await one.ensureSchedules([old])).toEqual([old]);
    expect(await installed()).toBe('0 7 * * *');
  });

  it('keep the policy of the newer one where they were put, when the older mends them', async () => {
    const release = (attempts: number): Queues<readonly [typeof plan]> => start(undefined, { ...plan, attempts });
    const [one, two] = [release(1), release(5)];
    await one.schedules.put('plan', 'daily', { pattern: '0 8 * * *', job: { data: { release: 'any' } } });
    const attempts = async (): Promise<unknown> => {
      const template = await redis.command('HGET', 'holdfast:jobs:{plan}:plan:repeat:daily', 'opts');
      return (JSON.parse(String(template)) as { readonly attempts?: number }).attempts ?? 1;
    };
    for (const each of [one, two]) await each.schedules.mend('plan');
    expect(await attempts()).toBe(5);
    await one.schedules.mend('plan');
    expect(await attempts()).toBe(5);
  });

  it('are one of the two, the same for all, when many declare both at once', async () => {
    const many = Array.from({ length: 6 }, () => start());
    await Promise.all(many.map(async (one, at) => one.ensureSchedules([at % 2 === 0 ? old : fresh])));
    const holds = await installed();
    const superseded = await Promise.all(
      many.map(async (one, at) => one.ensureSchedules([at % 2 === 0 ? old : fresh])),
    );
    expect(
      superseded
        .flat()
        .every(({ schedule }) => schedule !== undefined && 'pattern' in schedule && schedule.pattern !== holds),
    ).toBe(true);
    expect(superseded.flat()).toHaveLength(3);
    expect(await installed()).toBe(holds);
  });
});
