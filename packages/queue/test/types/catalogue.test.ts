import {
  Consumer,
  defineHandler,
  defineQueue,
  Queues,
  type DataOf,
  type FlowJob,
  type Handler,
  type Handlers,
  type JobView,
  type NameOf,
  type QueueBackend,
  type QueueDefinition,
  type QueueHandler,
  type ResultOf,
  type RunningJob,
  type ScheduleEntry,
} from '@holdfast/queue';
import { Type } from 'typebox';
import { describe, expectTypeOf, it } from 'vitest';

const policy = {
  description: 'For the compiler.',
  attempts: 1,
  timeoutMs: 1000,
  concurrency: 1,
  retention: { completed: {}, failed: {} },
};
const mail = defineQueue({
  ...policy,
  name: 'mail',
  payload: Type.Object({ to: Type.String(), copies: Type.Optional(Type.Integer()) }),
  result: Type.Object({ messageId: Type.String() }),
});
const invoice = defineQueue({ ...policy, name: 'invoice', payload: Type.Object({ number: Type.Integer() }) });
/** The second kind of job in the queue of mails. */
const bounce = defineQueue({ ...mail, payload: Type.Object({ bounced: Type.String() }) });

type Mail = { to: string; copies?: number };

// Nothing here runs but the definitions: what is compiled is what is tested.
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

describe('a consumer', () => {
  it('gives its handler the data of its definition', () => {
    compiles(() => {
      void new Consumer({ backend, definition: invoice, handler: (job) => job.data.number });
      void new Consumer({
        backend,
        definition: mail,
        handler: async (job) => {
          expectTypeOf(job).toEqualTypeOf<RunningJob<Mail>>();
          return { messageId: job.data.to };
        },
      });
    });
  });

  it('refuses a handler that contradicts it', () => {
    compiles(() => {
      // @ts-expect-error -- of other data
      void new Consumer({ backend, definition: mail, handler: async (job: RunningJob<{ subject: string }>) => job.id });
      // @ts-expect-error -- no such field
      void new Consumer({ backend, definition: invoice, handler: (job) => job.data.to });
      // @ts-expect-error -- another result
      void new Consumer({ backend, definition: mail, handler: async () => ({ sent: true }) });
      // @ts-expect-error -- no result
      void new Consumer({ backend, definition: mail, handler: async () => undefined });
    });
  });

  it('takes a module that runs in threads', () => {
    compiles(() => new Consumer({ backend, definition: mail, handler: { thread: new URL('file:///mail.js') } }));
  });

  it('of a definition that is only known at run time leaves it to its handler what it expects', () => {
    compiles(() => {
      const definition: QueueDefinition = mail;
      void new Consumer({ backend, definition, handler: (job) => expectTypeOf(job.data).toEqualTypeOf<unknown>() });
      void new Consumer({
        backend,
        definition,
        handler: async (job: RunningJob<{ subject: string }>) => job.data.subject,
      });
    });
  });
});

describe('a handler', () => {
  it('is checked where it is written', () => {
    const ofMail = (async (job) => ({ messageId: job.data.to })) satisfies Handler<typeof mail>;
    expectTypeOf(ofMail).toExtend<Handler<typeof mail>>();
    expectTypeOf(ofMail).not.toExtend<Handler<typeof invoice>>();
    // @ts-expect-error -- no such field
    void ((async (job) => ({ messageId: job.data.subject })) satisfies Handler<typeof mail>);
    // @ts-expect-error -- another result
    void ((async () => 'sent') satisfies Handler<typeof mail>);
  });

  it('is joined to its definition', () => {
    const joined = defineHandler(mail, async (job) => ({ messageId: job.data.to }));
    expectTypeOf(joined).toEqualTypeOf<QueueHandler<typeof mail>>();
    expectTypeOf(joined).toExtend<QueueHandler>();
    compiles(() => new Consumer({ backend, ...joined }));
    // @ts-expect-error -- no such field
    defineHandler(mail, async (job) => ({ messageId: job.data.subject }));
  });

  it('is also one of whatever data, for lists of handlers', () => {
    expectTypeOf<Handler<typeof mail>>().toExtend<Handler>();
  });
});

describe('the handlers of a catalogue', () => {
  type Catalogue = readonly [typeof mail, typeof invoice, typeof bounce];
  const ofInvoice: Handler<typeof invoice> = (job) => job.data.number;
  const ofMail: Handler<typeof mail | typeof bounce> = ({ data }) =>
    'bounced' in data ? { messageId: data.bounced } : { messageId: data.to };

  it('are all there, each for all kinds of job of its queue', () => {
    const handlers: Handlers<Catalogue> = { mail: ofMail, invoice: ofInvoice };
    expectTypeOf(handlers).toExtend<Readonly<Record<string, Handler>>>();
    // @ts-expect-error -- none for invoices
    const missing: Handlers<Catalogue> = { mail: ofMail };
    // @ts-expect-error -- of the other queue
    const swapped: Handlers<Catalogue> = { mail: ofMail, invoice: ofMail };
    const ofLetters = (job: RunningJob<Mail>) => ({ messageId: job.data.to });
    // @ts-expect-error -- knows one of two kinds
    const half: Handlers<Catalogue> = { mail: ofLetters, invoice: ofInvoice };
    // @ts-expect-error -- no such queue
    const surplus: Handlers<Catalogue> = { mail: ofMail, invoice: ofInvoice, post: ofInvoice };
    void [missing, swapped, half, surplus];
  });
});
