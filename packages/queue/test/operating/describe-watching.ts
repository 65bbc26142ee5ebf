import { eventually, Latch } from '@holdfast/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseEventPosition, PermanentError } from '../../src/index.ts';
import type { JobEvent, QueueBackend, WatchOptions } from '../../src/index.ts';
import { useQueues } from '../use-queues.ts';
import { definitionsFor } from './definitions.ts';

const definitions = definitionsFor('followed failing ended gap removed slow full quiet absent delayed busy', 2);

type Told = Exclude<JobEvent, { type: 'heartbeat' }>;
const short = (events: readonly JobEvent[]): [type: string, ...data: unknown[]][] =>
  events
    .filter((event) => event.type !== 'heartbeat')
    .map(({ type, data }): [string, ...unknown[]] => [type, ...Object.values<unknown>(data)]);

export function describeWatching(kind: string, create: () => Promise<QueueBackend>): void {
  describe(`following a job on the ${kind} backend`, () => {
    const test = useQueues(create, definitions);
    const watching: AbortController[] = [];
    afterEach(() => {
      for (const watch of watching.splice(0)) watch.abort();
    });

    const add = async (queue: string, options: object = {}): Promise<string> =>
      (await test.queues.add(queue, { data: { n: 1 }, options })).id;
    const watch = async (queue: string, id: string, options: Partial<WatchOptions> = {}) => {
      const end = new AbortController();
      watching.push(end);
      const events = await test.queues.admin.watch(queue, id, { signal: end.signal, ...options });
      if (events === undefined) throw new Error('There is no such job.');
      return { events: events[Symbol.asyncIterator](), end };
    };
    const rest = async (events: AsyncIterator<JobEvent>): Promise<JobEvent[]> => {
      const all: JobEvent[] = [];
      for (let next = await events.next(); next.done !== true; next = await events.next()) all.push(next.value);
      return all;
    };
    const take = async (events: AsyncIterator<JobEvent>, count: number): Promise<Told[]> => {
      const all: Told[] = [];
      while (all.length < count) {
        const next = await events.next();
        if (next.done === true) throw new Error(`It ended after ${JSON.stringify(short(all))}.`);
        if (next.value.type !== 'heartbeat') all.push(next.value);
      }
      return all;
    };

    it('tells its states, progress and log, and how it ended', async () => {
      const id = await add('followed');
      const { events } = await watch('followed', id);
      expect(short(await take(events, 1))).toEqual([['state', 'prioritized']]);
      await test.consume('followed', async (job) => {
        await job.progress({ done: 1 });
        await job.log('half way');
        await job.log('nearly there');
        return { answer: 42 };
      });
      const told = short(await rest(events));
      expect(told.filter(([type]) => type !== 'log')).toEqual([
        ['state', 'active'],
        ['progress', { done: 1 }],
        ['completed', { answer: 42 }],
      ]);
      expect(told.filter(([type]) => type === 'log')).toEqual([
        ['log', 'half way'],
        ['log', 'nearly there'],
      ]);
      expect(told.at(-1)).toEqual(['completed', { answer: 42 }]);
    });

    it('tells the lines of a log while the job runs', async () => {
      const mayEnd = new Latch();
      const id = await add('quiet');
      const { events } = await watch('quiet', id);
      await test.consume('quiet', async (job) => {
        await job.log('first');
        await mayEnd.wait();
      });
      expect(short(await take(events, 3))).toEqual([
        ['state', 'prioritized'],
        ['state', 'active'],
        ['log', 'first'],
      ]);
      mayEnd.open();
      expect(short(await rest(events))).toEqual([['completed', null]]);
    });

    it('tells of each attempt, and of the last error', async () => {
      const id = await add('failing');
      const { events } = await watch('failing', id);
      await test.consume('failing', async (job) => {
        if (job.attempt === 1) throw new Error('once more');
        throw new PermanentError('never', { code: 'NO_CHANCE' });
      });
      const told = short(await rest(events));
      expect(told.filter((event) => JSON.stringify(event) === '["state","active"]')).toHaveLength(2);
      expect(told.at(-1)).toEqual(['failed', { code: 'NO_CHANCE', message: 'never' }]);
    });

    it('tells of a job that had ended before', async () => {
      await test.consume('ended', async (job) => {
        await job.log('was here');
        return 'done';
      });
      const id = await add('ended');
      await test.queues.get('ended', id, { waitMs: 30_000 });
      const { events } = await watch('ended', id);
      expect(short(await rest(events))).toEqual([
        ['log', 'was here'],
        ['completed', 'done'],
      ]);
    });

    it('goes on where a stream before it ended, without a gap and without a repetition', async () => {
      const steps = [new Latch(), new Latch()];
      const id = await add('gap');
      const first = await watch('gap', id);
      await test.consume('gap', async (job) => {
        await job.log('one');
        await job.progress(1);
        await steps[0]?.wait();
        await job.progress(2);
        await job.log('two');
        await steps[1]?.wait();
        return 'end';
      });
      const seen = await take(first.events, 4);
      first.end.abort();
      steps[0]?.open();
      await eventually(async () => expect(await test.queues.get('gap', id)).toMatchObject({ logs: ['one', 'two'] }));
      const since = parseEventPosition(seen.at(-1)?.id ?? '');
      const second = await watch('gap', id, since === undefined ? {} : { since });
      steps[1]?.open();
      const told = short([...seen, ...(await rest(second.events))]);
      expect(told.filter(([type]) => type !== 'log')).toEqual([
        ['state', 'prioritized'],
        ['state', 'active'],
        ['progress', 1],
        ['progress', 2],
        ['completed', 'end'],
      ]);
      expect(told.filter(([type]) => type === 'log')).toEqual([
        ['log', 'one'],
        ['log', 'two'],
      ]);
    });

    it('ends when the job is removed', async () => {
      const id = await add('removed', { delayMs: 60_000 });
      const { events } = await watch('removed', id);
      expect(short(await take(events, 1))).toEqual([['state', 'delayed']]);
      await test.queues.admin.promote('removed', id);
      expect(short(await take(events, 1))).toEqual([['state', 'prioritized']]);
      await test.queues.admin.remove('removed', id);
      expect(short(await rest(events))).toEqual([['state', 'unknown']]);
    });

    it('says that nothing happens, and ends when nobody wants it any more', async () => {
      const id = await add('delayed', { delayMs: 60_000 });
      const { events, end } = await watch('delayed', id, { heartbeatMs: 20 });
      await events.next();
      expect((await events.next()).value).toEqual({ type: 'heartbeat' });
      expect((await events.next()).value).toEqual({ type: 'heartbeat' });
      end.abort();
      expect(await rest(events)).toEqual([]);
    });

    it('cuts off who does not read, instead of keeping everything for him', async () => {
      const id = await add('slow');
      const { events } = await watch('slow', id);
      const other = await watch('slow', id);
      await take(events, 1);
      await take(other.events, 1);
      const job = await test.backend.open('slow').queue.getJob(id);
      for (let n = 0; n < 1100; n += 100) {
        await Promise.all(Array.from({ length: 100 }, async (_, i) => job?.updateProgress(n + i)));
        // Who reads gets them all, which also says that they have come.
        await take(other.events, 100);
      }
      await expect(events.next()).rejects.toMatchObject({ code: 'EVENTS_OVERFLOW' });
    });

    it('knows the lines that are new in a log that is full', async () => {
      const mayEnd = new Latch();
      const isFull = new Latch();
      const id = await add('full');
      await test.consume('full', async (job) => {
        for (let n = 0; n < 1000; n += 1) await job.log(`line ${n}`);
        isFull.open();
        await mayEnd.wait();
        await job.log('beyond');
        await job.log('further');
      });
      await isFull.wait();
      const { events } = await watch('full', id);
      const before = await take(events, 1001);
      expect(before[0]).toMatchObject({ type: 'state' });
      expect(before.at(-1)).toMatchObject({ data: { line: 'line 999' } });
      mayEnd.open();
      expect(short(await rest(events))).toEqual([
        ['log', 'beyond'],
        ['log', 'further'],
        ['completed', null],
      ]);
    });

    it('looks in small pages for what has happened to a job that is gone, and not for nobody', async () => {
      const { jobs } = test.backend.open('busy');
      const job = await test.backend.open('busy').queue.getJob(await add('busy', { delayMs: 60_000 }));
      await Promise.all(Array.from({ length: 250 }, async (_, n) => job?.updateProgress(n)));
      const asked = vi.spyOn(jobs, 'eventsAfter');
      // The reader of the queue asks behind what it has told.
      const fromTheBeginning = (): boolean => asked.mock.calls.some(([after]) => after === '0');
      const since = { eventId: '0', lines: 0, hasEnded: false };
      try {
        const gone = { since, signal: AbortSignal.abort() };
        expect(await test.queues.admin.watch('busy', 'absent', gone)).toBeUndefined();
        expect(fromTheBeginning()).toBe(false);
        const here = { since, signal: AbortSignal.timeout(60_000) };
        expect(await test.queues.admin.watch('busy', 'absent', here)).toBeUndefined();
        expect(fromTheBeginning()).toBe(true);
        const pages = await Promise.all(asked.mock.results.map(async ({ value }) => value));
        expect(Math.max(...pages.map(({ events }) => events.length))).toBe(200);
        expect(pages.at(-1)?.more).toBe(false);
      } finally {
        asked.mockRestore();
      }
    });

    it('knows no job that is not there', async () => {
      for (const id of ['absent', 'meta', 'a:b', '']) {
        expect(await test.queues.admin.watch('absent', id, { signal: AbortSignal.timeout(60_000) })).toBeUndefined();
      }
    });
  });
}
