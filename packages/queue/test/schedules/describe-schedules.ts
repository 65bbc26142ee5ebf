import { Latch } from '@holdfast/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Consumer, Queues, type QueueBackend, type ScheduleEntry, type ScheduleView } from '../../src/index.ts';
import { producingQueue } from '../producing/producing-queue.ts';

const hour = 3_600_000;

/** Schedules that are changed while the service runs, on every backend. */
export function describeSchedules(kind: string, create: () => Promise<QueueBackend>): void {
  describe(`schedules on the ${kind} backend`, () => {
    let backend: QueueBackend;
    let queues: Queues;

    beforeAll(async () => {
      backend = await create();
      queues = new Queues({ backend, definitions: [producingQueue('plan')] });
    });
    beforeEach(async () => {
      for (const { id } of await queues.schedules.list('plan')) await queues.schedules.remove('plan', id);
    });
    afterAll(async () => queues.close());

    const delayed = async (): Promise<number> => (await queues.summary('plan')).counts.delayed;
    const job = { data: { n: 1 }, options: { priority: 'high', attempts: 7 } } as const;

    it('shows what was put, with its next runs', async () => {
      const put = await queues.schedules.put('plan', 'nightly', {
        pattern: '30 2 * * *',
        tz: 'Europe/Berlin',
        job: { ...job, name: 'sweep' },
      });
      expect(put).toMatchObject({
        id: 'nightly',
        queue: 'plan',
        pattern: '30 2 * * *',
        tz: 'Europe/Berlin',
        paused: false,
        job: { ...job, name: 'sweep' },
      });
      expect(put.upcoming).toHaveLength(5);
      expect(put.upcoming[0]).toBe(put.next);
      expect(Date.parse(put.next ?? '')).toBeGreaterThan(Date.now());
      expect(await queues.schedules.list('plan', { upcoming: 0 })).toEqual([{ ...put, upcoming: [] }]);
      expect((await queues.schedules.get('plan', 'nightly', { upcoming: 2 }))?.upcoming).toEqual(
        put.upcoming.slice(0, 2),
      );
      expect(await delayed()).toBe(1);
    });

    it('has its next job an hour later where the clocks leave out midnight', async () => {
      // The very night in which they do so in Egypt: from Thursday 23:59 to Friday 01:00.
      const put = await queues.schedules.put('plan', 'spring', { pattern: '0 0 * 4 5L', tz: 'Africa/Cairo', job });
      const inCairo = new Intl.DateTimeFormat('en-GB', {
        timeZone: 'Africa/Cairo',
        weekday: 'short',
        hour: '2-digit',
        minute: '2-digit',
      });
      expect(inCairo.format(Date.parse(put.next ?? ''))).toMatch(/Fri.* 01:00/);
      expect(await delayed()).toBe(1);
    });

    it('runs an interval first when it has passed once, and then one after the other', async () => {
      const before = Date.now();
      const { everyMs, tz, next, upcoming } = await queues.schedules.put('plan', 'hourly', { everyMs: hour, job });
      expect([everyMs, tz]).toEqual([hour, undefined]);
      expect(Date.parse(next ?? '')).toBeGreaterThanOrEqual(before + hour);
      expect(Date.parse(next ?? '')).toBeLessThanOrEqual(Date.now() + hour);
      expect(upcoming.map((time) => Date.parse(time) - Date.parse(next ?? ''))).toEqual(
        [0, 1, 2, 3, 4].map((n) => n * hour),
      );
    });

    it('is there once, however often it is put, and as it was put last', async () => {
      const first = await queues.schedules.put('plan', 'same', { everyMs: hour, job });
      expect(await queues.schedules.put('plan', 'same', { everyMs: hour, job })).toEqual(first);
      const changed = { everyMs: 2 * hour, job: { data: { n: 2 } } };
      await Promise.all([1, 2, 3].map(async () => queues.schedules.put('plan', 'same', changed)));
      expect(await queues.schedules.list('plan')).toMatchObject([
        { id: 'same', everyMs: 2 * hour, job: { data: { n: 2 } } },
      ]);
      expect(await delayed()).toBe(1);
    });

    it('makes its jobs as it was told to, and shows the next run after each', async () => {
      const ran = new Latch(2);
      const seen: unknown[] = [];
      const consumer = new Consumer({
        backend,
        definition: queues.definition('plan'),
        handler: async ({ name, data, attempts }) => {
          seen.push({ name, data, attempts });
          ran.open();
        },
      });
      await consumer.start();
      const { next } = await queues.schedules.put('plan', 'often', {
        pattern: '* * * * * *',
        job: { ...job, name: 'tick' },
      });
      await ran.wait();
      await consumer.close({ timeoutMs: 3000 });
      expect(seen[0]).toEqual({ name: 'tick', data: { n: 1 }, attempts: 7 });
      const later = await queues.schedules.get('plan', 'often');
      expect(Date.parse(later?.next ?? '')).toBeGreaterThan(Date.parse(next ?? ''));
    });

    it('makes no jobs while it is paused, also when it is put anew, until it is resumed', async () => {
      await queues.schedules.put('plan', 'pausing', { everyMs: hour, job });
      const paused = await queues.schedules.pause('plan', 'pausing');
      expect(paused).toMatchObject({ paused: true, next: null, upcoming: [], everyMs: hour, job });
      expect(await delayed()).toBe(0);
      expect(await queues.schedules.put('plan', 'pausing', { everyMs: 2 * hour, job, paused: true })).toMatchObject({
        paused: true,
        next: null,
      });
      expect(await delayed()).toBe(0);
      const resumed = await queues.schedules.resume('plan', 'pausing');
      expect(resumed).toMatchObject({ paused: false, everyMs: 2 * hour, next: expect.any(String), job });
      expect(await delayed()).toBe(1);
    });

    it('is gone with its next job when it is removed', async () => {
      await queues.schedules.put('plan', 'gone', { everyMs: hour, job });
      expect(await queues.schedules.remove('plan', 'gone')).toBe(true);
      expect(await queues.schedules.remove('plan', 'gone')).toBe(false);
      expect(await queues.schedules.list('plan')).toEqual([]);
      expect(await delayed()).toBe(0);
      for (const id of ['gone', 'never', 'a:b', '']) {
        expect(await queues.schedules.get('plan', id)).toBeUndefined();
        expect(await queues.schedules.pause('plan', id)).toBeUndefined();
        expect(await queues.schedules.resume('plan', id)).toBeUndefined();
        expect(await queues.schedules.remove('plan', id)).toBe(false);
      }
    });

    it('is brought about at the next start when its process died after it had written it down', async () => {
      const { scheduleRecords } = backend.open('plan');
      const written = { schedule: { everyMs: hour }, job, isDeclared: false } as const;
      await queues.schedules.put('plan', 'half-removed', { everyMs: hour, job });
      await scheduleRecords.set('half-removed', { ...written, state: 'removed' });
      await scheduleRecords.set('half-put', { ...written, state: 'running' });
      await Promise.all([1, 2, 3].map(async () => queues.schedules.mend('plan')));
      expect(await queues.schedules.list('plan')).toMatchObject([{ id: 'half-put', next: expect.any(String) }]);
      expect([...(await scheduleRecords.all()).keys()]).toContain('half-put');
      expect([...(await scheduleRecords.all()).keys()]).not.toContain('half-removed');
      expect(await delayed()).toBe(1);
    });

    it('leaves nothing behind when its removal is repeated that was interrupted, and is still nobody else’s', async () => {
      const { scheduleRecords } = backend.open('plan');
      for (const id of ['twice-removed', 'put-again']) {
        await queues.schedules.put('plan', id, { everyMs: hour, job });
        await scheduleRecords.set(id, { schedule: { everyMs: hour }, job, isDeclared: false, state: 'removed' });
      }
      expect(await queues.schedules.remove('plan', 'twice-removed')).toBe(true);
      expect(await scheduleRecords.get('twice-removed')).toBeUndefined();
      await queues.schedules.put('plan', 'put-again', { everyMs: hour, job });
      expect(await scheduleRecords.get('put-again')).toMatchObject({ state: 'running', isDeclared: false });
      expect(await delayed()).toBe(1);
    });

    it.each<[string, object, string]>([
      ['a:b', { everyMs: hour, job }, '/id'],
      ['.', { everyMs: hour, job }, '/id'],
      ['..', { everyMs: hour, job }, '/id'],
      ['x', { job }, '/pattern'],
      ['x', { pattern: 'often', job }, '/pattern'],
      ['x', { pattern: '0 2 * * *', tz: 'Mars/Olympus', job }, '/tz'],
      ['x', { everyMs: 1, job }, '/everyMs'],
      ['x', { everyMs: hour, job: { data: { n: 1 }, name: '' } }, '/job/name'],
      ['x', { everyMs: hour, job: { data: { n: 1 }, options: { attempts: 0 } } }, '/job/options/attempts'],
      ['x', { everyMs: hour, job: { data: { n: 1 }, options: { jobId: 'one' } } }, '/job/options/jobId'],
      ['x', { everyMs: hour, job: { data: { n: 1 }, options: { delayMs: 1 } } }, '/job/options/delayMs'],
    ])('refuses %s: %o', async (id, input, path) => {
      await expect(queues.schedules.put('plan', id, input as never)).rejects.toMatchObject({
        code: 'JOB_OPTIONS_INVALID',
        status: 400,
        issues: [{ path }],
      });
    });

    it('refuses data that does not fit the queue', async () => {
      const put = queues.schedules.put('plan', 'x', { everyMs: hour, job: { data: { n: 'x' } } });
      await expect(put).rejects.toMatchObject({ code: 'JOB_INVALID', issues: [{ path: '/n' }] });
      expect(await queues.schedules.list('plan')).toEqual([]);
    });

    it('refuses a declared one under an id that no URL can name', async () => {
      const declared = { queue: 'plan', id: '..', data: { n: 1 }, schedule: { everyMs: hour } };
      await expect(queues.ensureSchedules([declared])).rejects.toMatchObject({ issues: [{ path: '/id' }] });
      expect(await queues.schedules.list('plan')).toEqual([]);
    });

    describe('that is declared', () => {
      let declared: ScheduleEntry;
      let id: string;
      let tests = 0;
      beforeEach(() => {
        // One that was removed stays so: each test has one of its own.
        id = `preset-${(tests += 1)}`;
        declared = { queue: 'plan', id, data: { n: 1 }, schedule: { pattern: '0 2 * * *' } };
      });
      const start = async (entry = declared): Promise<ScheduleView | undefined> => {
        await queues.ensureSchedules([entry]);
        return queues.schedules.get('plan', id);
      };

      it('is installed once by whichever process comes first', async () => {
        await Promise.all([1, 2, 3, 4].map(async () => start()));
        expect(await queues.schedules.list('plan')).toMatchObject([{ id, pattern: '0 2 * * *', tz: 'UTC' }]);
        expect(await delayed()).toBe(1);
      });

      it('stays paused over the next starts, until its declaration changes', async () => {
        await start();
        await queues.schedules.pause('plan', id);
        expect(await start({ ...declared, runAtStart: true })).toMatchObject({ paused: true });
        expect(await start()).toMatchObject({ paused: true, next: null });
        expect((await queues.summary('plan')).counts).toMatchObject({ delayed: 0, prioritized: 0 });
        expect(await start({ ...declared, schedule: { pattern: '0 3 * * *' } })).toMatchObject({
          paused: false,
          pattern: '0 3 * * *',
        });
      });

      it('stays removed likewise', async () => {
        await start();
        expect(await queues.schedules.remove('plan', id)).toBe(true);
        expect(await start()).toBeUndefined();
        expect(await start()).toBeUndefined();
        expect(await queues.schedules.remove('plan', id)).toBe(false);
        expect(await start({ ...declared, data: { n: 2 } })).toMatchObject({ job: { data: { n: 2 } } });
      });

      it('stays as it was changed likewise, and can be put again after it was removed', async () => {
        await start();
        await queues.schedules.put('plan', id, { everyMs: hour, job });
        expect(await start()).toMatchObject({ everyMs: hour, job });
        await queues.schedules.remove('plan', id);
        await queues.schedules.put('plan', id, { everyMs: 2 * hour, job });
        expect(await start()).toMatchObject({ everyMs: 2 * hour });
      });

      it('is as declared when it is declared again after it was not any more', async () => {
        await start();
        await queues.schedules.pause('plan', id);
        await queues.schedules.undeclare('plan', id);
        expect(await queues.schedules.get('plan', id)).toBeUndefined();
        expect(await start()).toMatchObject({ paused: false, next: expect.any(String) });
      });

      it('is mended when a process died between writing down and doing', async () => {
        await start();
        await queues.schedules.pause('plan', id);
        // As if the removal of BullMQ's schedule had not been reached.
        await backend.open('plan').call((queue) => queue.upsertJobScheduler(id, { pattern: '0 2 * * *' }, {}));
        expect(await delayed()).toBe(1);
        await start();
        expect(await delayed()).toBe(0);
      });

      it('stays removed until its declaration changes also where its removal was interrupted and repeated', async () => {
        await start();
        await queues.schedules.pause('plan', id);
        await start();
        const { scheduleRecords } = backend.open('plan');
        const record = await scheduleRecords.get(id);
        if (record?.declared === undefined) throw new Error('It is not known which declaration was paused.');
        await queues.schedules.resume('plan', id);
        await scheduleRecords.set(id, { ...record, state: 'removed' });
        expect(await queues.schedules.remove('plan', id)).toBe(true);
        expect(await scheduleRecords.get(id)).toMatchObject({ state: 'removed', declared: record.declared });
        expect(await start({ ...declared, data: { n: 2 } })).toMatchObject({ job: { data: { n: 2 } } });
      });

      it.runIf(kind === 'redis')('is mended when a worker died before it had made the next job', async () => {
        const before = await start();
        const handle = backend.open('plan');
        const jobId = `repeat:${id}:${Date.parse(before?.next ?? '')}`;
        await handle.call(async (queue) => {
          const redis = (await queue.getBackend().client) as unknown as Record<string, (...args: string[]) => unknown>;
          await redis['zrem']?.(queue.toKey('delayed'), jobId);
          await redis['del']?.(queue.toKey(jobId));
        });
        expect(await delayed()).toBe(0);
        expect(await start()).toEqual(before);
        expect(await delayed()).toBe(1);
      });

      it('does not put its next job off when it is declared again', async () => {
        const often = { ...declared, schedule: { everyMs: hour }, runAtStart: true };
        const first = await start(often);
        expect((await start(often))?.next).toBe(first?.next);
      });
    });
  });
}
