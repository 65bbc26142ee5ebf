import { parseDuration } from '@holdfast/config';
import type { deliveryNotice, httpDelivery, HttpDeliveryData } from '@holdfast/jobs';
import type { Handler } from '@holdfast/queue';
import type { QueuesSettings } from '../config/settings.ts';
import { attemptDelivery, type Delivery } from '../delivery/attempt.ts';
import type { Deliverers } from '../delivery/deliverers.ts';
import { isNotice, type FailureNotices } from '../delivery/failure-notices.ts';

/** Of one request, unless the job says otherwise. */
const defaultTimeoutMs = 30_000;

export interface HttpDeliveryDependencies {
  readonly settings: QueuesSettings;
  readonly deliverers: Deliverers;
  readonly notices: FailureNotices;
}

/** Delivers a job as one HTTP request to the URL that it names; the response is its result. */
export function httpDeliveryHandler(
  dependencies: HttpDeliveryDependencies,
): Handler<typeof httpDelivery | typeof deliveryNotice> {
  const { notices } = dependencies;
  return async (job) => {
    const { data, idempotencyKey } = job;
    return attemptDelivery(
      job,
      isNotice(data) ? notices.deliveryOf(data.notice) : deliveryOf(data, idempotencyKey, dependencies),
    );
  };
}

function deliveryOf(
  data: HttpDeliveryData,
  idempotencyKey: string,
  { settings, deliverers }: HttpDeliveryDependencies,
): Delivery {
  const { url, method = 'POST', headers = {}, body, timeout } = data;
  return {
    deliverer: deliverers.forJobs,
    url,
    method,
    headers,
    body,
    timeoutMs: timeout === undefined ? defaultTimeoutMs : parseDuration(timeout),
    webhookId: idempotencyKey,
    secrets: settings.httpDelivery.webhookSecrets,
  };
}
