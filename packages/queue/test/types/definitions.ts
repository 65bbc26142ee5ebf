/** What the compiler is asked about in the tests beside this file. */
import { defineQueue } from '@holdfast/queue';
import { Type } from 'typebox';

const policy = {
  description: 'For the compiler.',
  attempts: 1,
  timeoutMs: 1000,
  concurrency: 1,
  retention: { completed: {}, failed: {} },
};
export const mail = defineQueue({
  ...policy,
  name: 'mail',
  payload: Type.Object({ to: Type.String(), copies: Type.Optional(Type.Integer()) }),
  result: Type.Object({ messageId: Type.String() }),
});
export const invoice = defineQueue({ ...policy, name: 'invoice', payload: Type.Object({ number: Type.Integer() }) });
/** The second kind of job in the queue of mails. */
export const bounce = defineQueue({ ...mail, payload: Type.Object({ bounced: Type.String() }) });

export type Mail = { to: string; copies?: number };
