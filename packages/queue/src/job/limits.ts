/** A range of whole numbers, and how to say it in an error message. */
export interface Limit {
  readonly rule: string;
  readonly holds: (value: unknown) => value is number;
}

function integerBetween(minimum: number, maximum: number, unit = ''): Limit {
  return {
    rule: `must be an integer from ${minimum} to ${maximum}${unit}`,
    holds: (value): value is number =>
      typeof value === 'number' && Number.isInteger(value) && value >= minimum && value <= maximum,
  };
}

const day = 24 * 60 * 60 * 1000;

/** What a queue and a job may ask for. BullMQ itself checks next to nothing (`attempts: 'x'` is accepted). */
export const limits = {
  attempts: integerBetween(1, 100),
  delayMs: integerBetween(0, 365 * day, ' ms (365 days)'),
  waitingTtlMs: integerBetween(1, 365 * day, ' ms (365 days)'),
  deduplicationTtlMs: integerBetween(1, 365 * day, ' ms (365 days)'),
  everyMs: integerBetween(1000, 365 * day, ' ms (1 s to 365 days)'),
  coalesceItems: integerBetween(1, 1000),
  coalesceWaitMs: integerBetween(1, 60_000, ' ms (60 s)'),
  onceTtlMs: integerBetween(1, 365 * day, ' ms (365 days)'),
  timeoutMs: integerBetween(1, day, ' ms (24 hours)'),
  backoffMs: integerBetween(0, day, ' ms (24 hours)'),
  /** How long ended jobs are kept, and how old those are that are removed. */
  retentionAgeMs: integerBetween(1000, 36_500 * day, ' ms (1 s to 36500 days)'),
  olderThanMs: integerBetween(0, 36_500 * day, ' ms (36500 days)'),
} as const;

/**
 * Jobs, and bytes of their data, that are added by one command: Redis does nothing else while it runs, some 3 ms. One
 * job may be larger.
 */
export const maxBatchJobs = 50;
export const maxBatchBytes = 512 * 1024;
/** Jobs of one `addMany`. */
export const maxBulkJobs = 10_000;
/** Jobs of one queue, and bytes of their data, that may wait for the answer of the store in one process. */
export const maxPendingJobs = 10_000;
export const maxPendingBytes = 64 * 1024 * 1024;
/** Bytes of the data of a job as JSON. */
export const maxPayloadBytes = 1024 * 1024;
/** Milliseconds that `get` waits at most for a job to end. */
export const maxWaitMs = 30_000;
/** Characters of the place where a list goes on, which holds the id of a job. */
export const maxCursorLength = 8192;
/** Lines of a log that are kept for a job, and characters of a line. */
export const maxLogLines = 1000;
export const maxLogLineLength = 8192;
