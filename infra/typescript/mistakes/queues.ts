/** What a compiler says of each of these lines is compared in `test/compilers.test.ts`, in their order. */
import { builtInQueues } from '@holdfast/jobs';
import { Consumer, defineQueue, Queues, type Handlers, type QueueBackend } from '@holdfast/queue';
import { Type } from 'typebox';

declare const backend: QueueBackend;
const policy = {
  description: 'Of mistakes.',
  attempts: 1,
  timeoutMs: 1000,
  concurrency: 1,
  retention: { completed: {}, failed: {} },
};
const mail = defineQueue({ name: 'mail', payload: Type.Object({ to: Type.String() }), ...policy });
const invoice = defineQueue({ name: 'invoice', payload: Type.Object({ number: Type.Integer() }), ...policy });
const queues = new Queues({ backend, definitions: [mail, invoice] });

void queues.add('mial', { data: { to: 'ada@example.com' } });
void queues.add('mail', { data: { to: 1 } });
void queues.add('mail', { data: { number: 1 } });
void new Queues({ backend, definitions: builtInQueues }).add('http-delivery', { data: { url: 1 } });
void queues.addFlow({ queue: 'mail', data: { to: 1 } });
void new Consumer({ backend, definition: mail, handler: (job) => job.data.subject });
void new Consumer({ backend, definition: mail, handler: (job: { data: { subject: string } }) => job.data.subject });
export const handlers: Handlers<readonly [typeof mail, typeof invoice]> = { mail: (job) => job.data.to };
