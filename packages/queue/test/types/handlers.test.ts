import {
  Consumer,
  defineHandler,
  type Handler,
  type Handlers,
  type QueueBackend,
  type QueueDefinition,
  type QueueHandler,
  type RunningJob,
} from '@holdfast/queue';
import { describe, expectTypeOf, it } from 'vitest';
import { type bounce, invoice, mail, type Mail } from './definitions.ts';

// Nothing here runs: what is compiled is what is tested.
declare const backend: QueueBackend;
const compiles = (_uses: () => unknown): void => undefined;

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
