import {
  Queues,
  type DataOf,
  type FlowJob,
  type JobView,
  type NameOf,
  type QueueBackend,
  type QueueDefinition,
  type ResultOf,
  type ScheduleEntry,
} from '@holdfast/queue';
import { describe, expectTypeOf, it } from 'vitest';
import { bounce, invoice, mail, type Mail } from './definitions.ts';

// Nothing here runs: what is compiled is what is tested.
declare const backend: QueueBackend;
declare const known: Queues<readonly [typeof mail, typeof invoice]>;
declare const plain: QueueDefinition[];
declare const open: Queues;
declare const mixed: Queues<readonly [typeof mail, ...QueueDefinition[]]>;
const compiles = (_uses: () => unknown): void => undefined;

describe('a definition', () => {
  it('keeps its name, its data and its result', () => {
    expectTypeOf(mail.name).toEqualTypeOf<'mail'>();
    expectTypeOf<DataOf<typeof mail>>().toEqualTypeOf<Mail>();
    expectTypeOf<ResultOf<typeof mail>>().toEqualTypeOf<{ messageId: string }>();
    expectTypeOf<ResultOf<typeof invoice>>().toEqualTypeOf<unknown>();
    expectTypeOf(bounce.name).toEqualTypeOf<'mail'>();
  });

  it('is a plain definition as well, of which nothing is known', () => {
    expectTypeOf(mail).toExtend<QueueDefinition>();
    expectTypeOf<DataOf<QueueDefinition>>().toEqualTypeOf<unknown>();
    expectTypeOf<ResultOf<QueueDefinition>>().toEqualTypeOf<unknown>();
  });
});

describe('queues of definitions that are known', () => {
  it('are inferred from them', () => {
    compiles(() => {
      const queues = new Queues({ backend, definitions: [mail, invoice] });
      expectTypeOf(queues.names()).toEqualTypeOf<('mail' | 'invoice')[]>();
      expectTypeOf(queues.definition('mail')).toEqualTypeOf<typeof mail>();
    });
  });

  it('take the data of a queue, and no other', () => {
    compiles(() => {
      void known.add('mail', { data: { to: 'ada@example.com' }, options: { priority: 'high' } });
      // @ts-expect-error -- no text
      void known.add('mail', { data: { to: 1 } });
      // @ts-expect-error -- of another queue
      void known.add('mail', { data: { number: 1 } });
      // @ts-expect-error -- without data
      void known.add('mail', {});
      // @ts-expect-error -- a field that nobody knows
      void known.add('invoice', { data: { number: 1, to: 'ada@example.com' } });
      // @ts-expect-error -- no such queue
      void known.add('mial', { data: { to: 'ada@example.com' } });
    });
  });

  it('take for one of several queues what fits them all', () => {
    compiles(() => {
      const either: NameOf<readonly [typeof mail, typeof invoice]> = Math.random() < 0.5 ? 'mail' : 'invoice';
      void known.add(either, { data: { to: 'ada@example.com', number: 1 } });
      // @ts-expect-error -- no invoice
      void known.add(either, { data: { to: 'ada@example.com' } });
      const anyName: string = either;
      // @ts-expect-error -- it may be no queue at all
      void known.add(anyName, { data: { to: 'ada@example.com', number: 1 } });
    });
  });

  it('take many jobs, and say which is wrong', () => {
    compiles(() => {
      void known.addMany('mail', [{ data: { to: 'ada@example.com' } }, { data: { to: 'bob@example.com', copies: 2 } }]);
      void known.addMany('mail', [
        { data: { to: 'ada@example.com' } },
        // @ts-expect-error -- no text
        { data: { to: 1 } },
      ]);
      // @ts-expect-error -- no such queue
      void known.addMany('mial', []);
    });
  });

  it('take flows whose jobs each fit their queue', () => {
    compiles(() => {
      void known.addFlow({
        queue: 'invoice',
        data: { number: 1 },
        children: [{ queue: 'mail', data: { to: 'ada@example.com' }, onFailure: 'ignore' }],
      });
      // @ts-expect-error -- the data of the other
      void known.addFlow({ queue: 'invoice', data: { to: 'ada@example.com' } });
      void known.addFlow({
        queue: 'invoice',
        data: { number: 1 },
        // @ts-expect-error -- the data of the other, in a child
        children: [{ queue: 'mail', data: { number: 1 } }],
      });
      // @ts-expect-error -- no such queue
      void known.addFlow({ queue: 'mial', data: { number: 1 } });
    });
  });

  it('take schedules whose jobs fit', () => {
    compiles(() => {
      void known.schedules.put('mail', 'daily', { everyMs: 1000, job: { data: { to: 'ada@example.com' } } });
      // @ts-expect-error -- no text
      void known.schedules.put('mail', 'daily', { everyMs: 1000, job: { data: { to: 1 } } });
      // @ts-expect-error -- no such queue
      void known.schedules.pause('mial', 'daily');
      void known.ensureSchedules([{ queue: 'invoice', id: 'first', data: { number: 1 }, runAtStart: true }]);
      // @ts-expect-error -- the data of the other
      void known.ensureSchedules([{ queue: 'invoice', id: 'first', data: { to: 'ada@example.com' } }]);
    });
  });

  it('have coalescers that make data of the queue', () => {
    compiles(() => {
      const maxItems = 10;
      const maxWaitMs = 10;
      const toData = (items: readonly number[]) => ({ number: items.length });
      const items = known.coalescer('invoice', { maxItems, maxWaitMs, toData });
      void items.add(1);
      // @ts-expect-error -- no number
      void items.add('one');
      // @ts-expect-error -- the data of the other
      known.coalescer('mail', { maxItems, maxWaitMs, toData });
      // @ts-expect-error -- no such queue
      known.coalescer('mial', { maxItems, maxWaitMs, toData });
    });
  });

  it('know the results of their jobs', () => {
    compiles(async () => {
      expectTypeOf(known.get('mail', '1')).resolves.toEqualTypeOf<JobView<{ messageId: string }> | undefined>();
      expectTypeOf(known.get('invoice', '1')).resolves.toEqualTypeOf<JobView | undefined>();
    });
  });

  it('have no others for whoever cancels, asks or manages', () => {
    compiles(() => {
      void known.cancel('mail', '1');
      void known.admin.pause('mail');
      // @ts-expect-error -- no such queue
      void known.cancel('mial', '1');
      // @ts-expect-error -- no such queue
      void known.summary('mial');
      // @ts-expect-error -- no such queue
      void known.admin.pause('mial');
    });
  });

  it('can be given to who knows nothing of them', () => {
    compiles(() => expectTypeOf(known).toExtend<Queues>());
  });
});

describe('queues that are only known at run time', () => {
  it('take any name and any data', () => {
    compiles(async () => {
      const queues = new Queues({ backend, definitions: plain });
      expectTypeOf(queues).toExtend<Queues>();
      void queues.add('anything', { data: { any: 'data' } });
      void open.addMany('anything', [{ data: 1 }, { data: 'one' }]);
      void open.addFlow({ queue: 'a', data: 1, children: [{ queue: 'b', data: 'two' }] });
      void open.schedules.put('a', 'b', { everyMs: 1000, job: { data: [] } });
      open.coalescer('a', { maxItems: 1, maxWaitMs: 1, toData: (items: readonly string[]) => items });
      expectTypeOf(open.get('a', '1')).resolves.toEqualTypeOf<JobView | undefined>();
      expectTypeOf<FlowJob['queue']>().toEqualTypeOf<string>();
      expectTypeOf<ScheduleEntry['data']>().toEqualTypeOf<unknown>();
    });
  });

  it('may stand beside known ones, which are checked', () => {
    compiles(() => {
      const queues = new Queues({ backend, definitions: [mail, ...plain] });
      void queues.add('anything', { data: { any: 'data' } });
      void queues.add('mail', { data: { to: 'ada@example.com' } });
      // @ts-expect-error -- no text
      void queues.add('mail', { data: { to: 1 } });
      // @ts-expect-error -- no text
      void mixed.add('mail', { data: { to: 1 } });
      const anyName: string = 'mail';
      void mixed.add(anyName, { data: { any: 'data' } });
      expectTypeOf(mixed.definition('mail')).toEqualTypeOf<typeof mail>();
      expectTypeOf(mixed.definition('anything')).toEqualTypeOf<QueueDefinition>();
    });
  });
});
