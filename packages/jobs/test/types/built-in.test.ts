import type {
  builtInQueues,
  BuiltInJobs,
  DeliveryNoticeData,
  HttpDeliveryData,
  InstalledQueues,
  SourceSyncData,
} from '@holdfast/jobs';
import type { DataOf, Handler, Handlers, NameOf, Queues, RunningJob } from '@holdfast/queue';
import { describe, expectTypeOf, it } from 'vitest';

// Nothing here runs: what is compiled is what is tested.
declare const queues: Queues<typeof builtInQueues>;
declare const installed: Queues<InstalledQueues>;
declare const syncs: Handler<(typeof builtInQueues)[0]>;
declare const deliveries: Handler<BuiltInJobs[1] | BuiltInJobs[2]>;
const compiles = (_uses: () => unknown): void => undefined;

describe('the catalogue of built-in queues', () => {
  it('knows their names and what can be added to them', () => {
    expectTypeOf<NameOf<typeof builtInQueues>>().toEqualTypeOf<'source-sync' | 'http-delivery'>();
    expectTypeOf<DataOf<(typeof builtInQueues)[0]>>().toEqualTypeOf<SourceSyncData>();
    expectTypeOf<DataOf<(typeof builtInQueues)[1]>>().toEqualTypeOf<HttpDeliveryData>();
    compiles(() => {
      void queues.add('http-delivery', { data: { url: 'https://example.com/', method: 'PUT' } });
      // @ts-expect-error -- no such method
      void queues.add('http-delivery', { data: { url: 'https://example.com/', method: 'put' } });
      // @ts-expect-error -- only Holdfast itself adds notices
      void queues.add('http-delivery', { data: { notice: { to: 'webhook', queue: 'a', webhookId: 'b', body: {} } } });
      // @ts-expect-error -- a sync has a source
      void queues.add('source-sync', { data: {} });
      // @ts-expect-error -- no such queue
      void queues.add('source-synk', { data: { source: 'instances' } });
    });
  });

  it('is what an installation knows of its queues, beside those of its configuration', () => {
    compiles(() => {
      void installed.add('invoices', { data: ['anything'] });
      // @ts-expect-error -- a sync has a source
      void installed.add('source-sync', { data: {} });
    });
  });

  it('asks for a handler of each queue, for both kinds of its jobs', () => {
    compiles(() => {
      const handlers: Handlers<BuiltInJobs> = { 'source-sync': syncs, 'http-delivery': deliveries };
      // @ts-expect-error -- none for http-delivery
      const missing: Handlers<BuiltInJobs> = { 'source-sync': syncs };
      const ofDeliveries = async (_job: RunningJob<HttpDeliveryData>) => Promise.reject(new Error('not here'));
      // @ts-expect-error -- knows no notices
      const half: Handlers<BuiltInJobs> = { 'source-sync': syncs, 'http-delivery': ofDeliveries };
      const ofBoth = async (_job: RunningJob<HttpDeliveryData | DeliveryNoticeData>) =>
        Promise.reject(new Error('not here'));
      const both: Handlers<BuiltInJobs> = { 'source-sync': syncs, 'http-delivery': ofBoth };
      return [handlers, missing, half, both];
    });
  });
});
