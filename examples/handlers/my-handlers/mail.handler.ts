import { PermanentError, type Handler } from '@holdfast/queue';
import type mail from './mail.queue.ts';

const send: Handler<typeof mail> = async (job) => {
  const { to, text } = job.data;
  if (to.endsWith('@example.invalid')) throw new PermanentError(`Nobody is at ${to}.`, { code: 'MAIL_REFUSED' });
  await job.log(`${text.length} characters to ${to}`);
  await job.progress(50);
  // Hand `job.signal` to whatever takes long: fetch(url, { signal: job.signal }).
  job.signal.throwIfAborted();
  return { to, messageId: job.idempotencyKey };
};

export default send;
