import { PermanentError, RetryLaterError, type RunningJob } from '@holdfast/queue';
import { AddressRefusedError } from './address.ts';
import type { Deliverer, DeliveryRequest, DeliveryResponse } from './deliver.ts';
import { clockOf, retryAfterMs } from './retry-after.ts';
import { signatureHeader, webhookHeaders } from './sign.ts';

/** One request, before it is signed. */
export interface Delivery {
  readonly deliverer: Deliverer;
  readonly url: string;
  readonly method: DeliveryRequest['method'];
  readonly headers: Readonly<Record<string, string>>;
  /** A text is sent as it is, anything else as JSON; `undefined` sends none. */
  readonly body: unknown;
  readonly timeoutMs: number;
  /** The same for all attempts. */
  readonly webhookId: string;
  readonly secrets: readonly string[];
}

/** What undici refuses to send before it connects, such as a `connection` header of the job's own. */
const neverSendable: ReadonlySet<unknown> = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
]);

/**
 * One attempt of a job: a 2xx is its result. Any other status fails the attempt; after 429 and 503 the next one follows
 * when the receiver says. 410, a refused address and what cannot be sent are final.
 *
 * @throws PermanentError, RetryLaterError, DeliveryError, or the reason of the job's signal
 */
export async function attemptDelivery(job: RunningJob, delivery: Delivery): Promise<DeliveryResponse> {
  const response = await send(delivery, job.signal);
  if (isDelivered(response)) return response;
  await job.log(`HTTP ${response.status} after ${response.durationMs} ms: ${response.body.slice(0, 500)}`);
  const message = `The receiver answered ${response.status}.`;
  if (response.status === 410) throw new PermanentError(message, { code: 'DELIVERY_GONE' });
  if (response.status === 429 || response.status === 503) {
    const { date, 'retry-after': retryAfter } = response.headers;
    const delayMs = retryAfterMs(retryAfter, clockOf(date, Date.now()));
    if (delayMs !== undefined) throw new RetryLaterError(message, { delayMs, code: 'DELIVERY_FAILED' });
  }
  throw new DeliveryError(message);
}

export function isDelivered({ status }: DeliveryResponse): boolean {
  return status >= 200 && status < 300;
}

/** The answer, whatever its status. @throws as `attemptDelivery` */
export async function send(delivery: Delivery, signal?: AbortSignal): Promise<DeliveryResponse> {
  const { deliverer, url, method, headers, body, timeoutMs, webhookId, secrets } = delivery;
  if (!URL.canParse(url)) throw new PermanentError('The URL is not a valid one.', { code: 'DELIVERY_INVALID' });
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  try {
    return await deliverer.send({
      url,
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': typeof body === 'string' ? 'text/plain' : 'application/json' }),
        'user-agent': 'holdfast',
        ...unsigned(lowerCase(headers)),
        // Last: nobody else sets what a receiver trusts.
        ...webhookHeaders(webhookId, text, { secrets }),
      },
      ...(body === undefined ? {} : { body: text }),
      timeoutMs,
      signal,
    });
  } catch (error) {
    if (error instanceof AddressRefusedError) {
      throw new PermanentError(error.message, { code: error.code, cause: error });
    }
    if (error instanceof Error && 'code' in error && neverSendable.has(error.code)) {
      const message = `The request cannot be sent: ${error.message}.`;
      throw new PermanentError(message, { code: 'DELIVERY_INVALID', cause: error });
    }
    signal?.throwIfAborted();
    throw new DeliveryError(`The receiver could not be reached: ${reasonOf(error)}.`, { cause: error });
  }
}

/** An attempt that failed and may be repeated. */
class DeliveryError extends Error {
  readonly code = 'DELIVERY_FAILED';
}

/** Without a secret nothing would replace a signature that came with the job. */
function unsigned(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== signatureHeader));
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
