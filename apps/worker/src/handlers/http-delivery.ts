import { parseDuration } from '@holdfast/config';
import type { Config } from '@holdfast/config';
import type { HttpDeliveryData } from '@holdfast/jobs';
import { JobTimeoutError, PermanentError, type Handler, type RunningJob } from '@holdfast/queue';
import { AddressRefusedError } from '../delivery/address.ts';
import { Deliverer, type DeliveryResponse } from '../delivery/deliver.ts';
import { webhookHeaders } from '../delivery/sign.ts';

/** Of one request, unless the job says otherwise. */
const DEFAULT_TIMEOUT_MS = 30_000;
/** Of the call to a failure URL: it is made once, and must not hold the worker. */
const FAILURE_TIMEOUT_MS = 10_000;
/** What undici refuses to send before it connects, such as a `connection` header of the job's own. */
const neverSendable: ReadonlySet<unknown> = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
]);

/**
 * Delivers a job as one HTTP request. A 2xx completes the job with the response; any other status, and no answer,
 * fails the attempt. 410, a refused address and a request that cannot be sent are final.
 */
export function httpDeliveryHandler(options: Config['httpDelivery']): Handler<HttpDeliveryData> {
  const deliverer = new Deliverer(options);
  return async (job) => {
    try {
      return await deliver(deliverer, job, options.webhookSecret);
    } catch (error) {
      const final = error instanceof PermanentError || job.attempt >= job.attempts;
      if (final && !isHandedBack(job.signal)) await reportFailure(deliverer, job, error, options.webhookSecret);
      throw error;
    }
  };
}

/** Stopped with the worker, or lost to another one: it runs again. A job that took too long has failed. */
function isHandedBack(signal: AbortSignal): boolean {
  return signal.aborted && !(signal.reason instanceof JobTimeoutError);
}

async function deliver(
  deliverer: Deliverer,
  job: RunningJob<HttpDeliveryData>,
  secret: string | undefined,
): Promise<DeliveryResponse> {
  const { url, method = 'POST', headers = {}, body, timeout } = job.data;
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const response = await send(deliverer, {
    url,
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': typeof body === 'string' ? 'text/plain' : 'application/json' }),
      'user-agent': 'holdfast',
      ...lowerCase(headers),
      ...webhookHeaders(job.idempotencyKey, text, secret === undefined ? {} : { secret }),
    },
    ...(body === undefined ? {} : { body: text }),
    timeoutMs: timeout === undefined ? DEFAULT_TIMEOUT_MS : parseDuration(timeout),
    signal: job.signal,
  });
  if (response.status >= 200 && response.status < 300) return response;
  await job.log(`HTTP ${response.status} after ${response.durationMs} ms: ${response.body.slice(0, 500)}`);
  const message = `The receiver answered ${response.status}.`;
  if (response.status === 410) throw new PermanentError(message, { code: 'DELIVERY_GONE' });
  throw new DeliveryError(message);
}

async function send(deliverer: Deliverer, request: Parameters<Deliverer['send']>[0]): Promise<DeliveryResponse> {
  if (!URL.canParse(request.url)) throw new PermanentError('The URL is not a valid one.', { code: 'DELIVERY_INVALID' });
  try {
    return await deliverer.send(request);
  } catch (error) {
    if (error instanceof AddressRefusedError)
      throw new PermanentError(error.message, { code: error.code, cause: error });
    if (error instanceof Error && 'code' in error && neverSendable.has(error.code)) {
      throw new PermanentError(`The request cannot be sent: ${error.message}.`, {
        code: 'DELIVERY_INVALID',
        cause: error,
      });
    }
    request.signal.throwIfAborted();
    throw new DeliveryError(`The receiver could not be reached: ${reasonOf(error)}.`, { cause: error });
  }
}

/** Tells the job's failure URL once that the job has failed for good. That it cannot be told changes nothing. */
async function reportFailure(
  deliverer: Deliverer,
  job: RunningJob<HttpDeliveryData>,
  error: unknown,
  secret: string | undefined,
): Promise<void> {
  const { failureUrl, url } = job.data;
  if (failureUrl === undefined) return;
  const message = error instanceof Error ? error.message : String(error);
  const body = JSON.stringify({ queue: job.queue, id: job.id, url, attempts: job.attempt, error: message });
  try {
    const response = await deliverer.send({
      url: failureUrl,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'holdfast',
        ...webhookHeaders(`${job.idempotencyKey}:failure`, body, secret === undefined ? {} : { secret }),
      },
      body,
      timeoutMs: FAILURE_TIMEOUT_MS,
      // Not the signal of the job: after a timeout it is aborted, and this call has a deadline of its own.
      signal: new AbortController().signal,
    });
    await job.log(`failure URL answered ${response.status}`);
  } catch (failure) {
    await job.log(`failure URL could not be told: ${reasonOf(failure)}`).catch(() => undefined);
  }
}

/** An attempt that failed and may be repeated. */
class DeliveryError extends Error {
  readonly code = 'DELIVERY_FAILED';
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
