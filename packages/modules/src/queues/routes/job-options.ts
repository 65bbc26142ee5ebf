import type { JobOptions, Priority } from '@holdfast/queue';
import { durationAt } from '../../http/durations.ts';

/** The options of a job as they come over REST: durations are numbers or texts. */
export interface RequestedJobOptions {
  readonly jobId?: string | undefined;
  readonly priority?: Priority | undefined;
  readonly delay?: string | number | undefined;
  readonly attempts?: number | undefined;
  readonly backoff?: RequestedBackoff | undefined;
  readonly timeout?: string | number | undefined;
  readonly waitingTtl?: string | number | undefined;
  readonly deduplication?: RequestedDeduplication | undefined;
}

interface RequestedDeduplication {
  readonly id: string;
  readonly mode?: NonNullable<JobOptions['deduplication']>['mode'] | undefined;
  readonly ttl?: string | number | undefined;
}

interface RequestedBackoff {
  readonly type: 'fixed' | 'exponential';
  readonly delay: string | number;
  readonly maxDelay?: string | number | undefined;
  readonly jitter?: number | undefined;
}

/** The same options for the queue, in milliseconds; `at` is where they stand. @throws ApiError REQUEST_INVALID */
export function toJobOptions(requested: RequestedJobOptions, at = '/options'): JobOptions {
  const { delay, timeout, waitingTtl, backoff, deduplication, ...others } = requested;
  return {
    ...defined(others),
    ...(delay === undefined ? {} : { delayMs: durationAt(`${at}/delay`, delay) }),
    ...(timeout === undefined ? {} : { timeoutMs: durationAt(`${at}/timeout`, timeout, { min: 1 }) }),
    ...(waitingTtl === undefined ? {} : { waitingTtlMs: durationAt(`${at}/waitingTtl`, waitingTtl, { min: 1 }) }),
    ...(deduplication === undefined ? {} : { deduplication: toDeduplication(deduplication, `${at}/deduplication`) }),
    ...(backoff === undefined ? {} : { backoff: toBackoff(backoff, `${at}/backoff`) }),
  };
}

function toBackoff(
  { type, delay, maxDelay, jitter }: RequestedBackoff,
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
  { id, mode, ttl }: RequestedDeduplication,
  at: string,
): NonNullable<JobOptions['deduplication']> {
  return {
    id,
    ...(mode === undefined ? {} : { mode }),
    ...(ttl === undefined ? {} : { ttlMs: durationAt(`${at}/ttl`, ttl, { min: 1 }) }),
  };
}

type Defined<Shape> = { [Name in keyof Shape]?: Exclude<Shape[Name], undefined> };

/** Without the members that are undefined: the libraries tell "absent" from "undefined". */
function defined<Shape extends object>(shape: Shape): Defined<Shape> {
  return Object.fromEntries(Object.entries(shape).filter(([, value]) => value !== undefined)) as Defined<Shape>;
}
