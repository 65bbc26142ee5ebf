import type { JobOptions as RequestedJobOptions } from '@holdfast/contract';
import type { JobOptions } from '@holdfast/queue';
import { durationAt } from '../../http/durations.ts';

/** The options of a job for the queue, in milliseconds; `at` is where they stand in the request. @throws ApiError REQUEST_INVALID */
export function toJobOptions(requested: RequestedJobOptions, at = '/options'): JobOptions {
  const { delay, timeout, waitingTtl, backoff, deduplication, ...others } = requested;
  return {
    ...others,
    ...(delay === undefined ? {} : { delayMs: durationAt(`${at}/delay`, delay) }),
    ...(timeout === undefined ? {} : { timeoutMs: durationAt(`${at}/timeout`, timeout, { min: 1 }) }),
    ...(waitingTtl === undefined ? {} : { waitingTtlMs: durationAt(`${at}/waitingTtl`, waitingTtl, { min: 1 }) }),
    ...(deduplication === undefined ? {} : { deduplication: toDeduplication(deduplication, `${at}/deduplication`) }),
    ...(backoff === undefined ? {} : { backoff: toBackoff(backoff, `${at}/backoff`) }),
  };
}

function toBackoff(
  { type, delay, maxDelay, jitter }: NonNullable<RequestedJobOptions['backoff']>,
  at: string,
): NonNullable<JobOptions['backoff']> {
  return {
    type,
    delayMs: durationAt(`${at}/delay`, delay),
    ...(maxDelay === undefined ? {} : { maxDelayMs: durationAt(`${at}/maxDelay`, maxDelay) }),
    ...(jitter === undefined ? {} : { jitter }),
  };
}

function toDeduplication(
  { id, mode, ttl }: NonNullable<RequestedJobOptions['deduplication']>,
  at: string,
): NonNullable<JobOptions['deduplication']> {
  return {
    id,
    ...(mode === undefined ? {} : { mode }),
    ...(ttl === undefined ? {} : { ttlMs: durationAt(`${at}/ttl`, ttl, { min: 1 }) }),
  };
}
