import type { Handler } from '@holdfast/queue';
import type { QueueDelivery, QueuesSettings } from '../config/settings.ts';
import { attemptDelivery } from '../delivery/attempt.ts';
import type { Deliverers } from '../delivery/deliverers.ts';

/** Longer than any attempt may take: the job's own time-out comes first. */
const noTimeoutMs = 24 * 3_600_000;

/** Delivers the data of each job, as JSON, to the URL of its queue; the response is the job's result. */
export function declaredQueueHandler(
  delivery: QueueDelivery,
  { deliverers, settings }: { readonly deliverers: Deliverers; readonly settings: QueuesSettings },
): Handler {
  const { url, method, headers, secrets = settings.httpDelivery.webhookSecrets } = delivery;
  return async (job) =>
    attemptDelivery(job, {
      deliverer: deliverers.forOperator,
      url,
      method,
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof job.data === 'string' ? JSON.stringify(job.data) : job.data,
      timeoutMs: noTimeoutMs,
      webhookId: job.idempotencyKey,
      secrets,
    });
}
