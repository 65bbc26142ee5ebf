import type { FieldIssue } from '@holdfast/redis-core';
import type { JobsOptions, KeepJobs } from 'bullmq';
import type { Once } from './backends/backend.ts';
import { isBackoff, type Backoff } from './backoff.ts';
import type { QueueDefinition, RetentionRule } from './define-queue.ts';
import { JobOptionsInvalidError } from './errors.ts';
import { isJobId, jobIdRule } from './job-id.ts';
import { limits, maxLogLines } from './limits.ts';
import { priorityNumber, priorityRule, type Priority } from './priority.ts';

/** What a caller may say about one job; what is left out comes from the definition of the queue. */
export interface JobOptions {
  /** 1 to 128 of `A-Z a-z 0-9 . _ ~ -`, not only digits, not a name of the queue's own keys. A job of this id that exists is not added again. */
  readonly jobId?: string;
  readonly priority?: Priority;
  readonly delayMs?: number;
  readonly attempts?: number;
  readonly backoff?: Backoff;
  readonly timeoutMs?: number;
}

/** BullMQ's name for the back-off that this package computes itself (see backoff.ts). */
const backoffStrategyName = 'holdfast';

/** BullMQ keeps unknown options with the job, on both backends; the consumer reads these back. */
export interface StoredJobOptions extends JobsOptions {
  readonly timeoutMs: number;
  readonly backoffPolicy?: Backoff;
}

/**
 * @throws JobOptionsInvalidError with every option that is wrong, each with what is allowed.
 */
export function checkJobOptions(options: JobOptions): void {
  const issues: FieldIssue[] = [];
  const check = (name: keyof JobOptions, holds: (value: unknown) => boolean, rule: string): void => {
    const value = options[name];
    if (value !== undefined && !holds(value)) issues.push({ path: `/options/${name}`, message: `${rule}.` });
  };
  check('jobId', isJobId, jobIdRule);
  check('priority', (value) => priorityNumber(value) !== undefined, priorityRule);
  check('delayMs', limits.delayMs.holds, limits.delayMs.rule);
  check('attempts', limits.attempts.holds, limits.attempts.rule);
  check('timeoutMs', limits.timeoutMs.holds, limits.timeoutMs.rule);
  check(
    'backoff',
    isBackoff,
    'must be {type: "exponential" or "fixed", delayMs: 0 to 24 h, maxDelayMs?, jitter?: 0 to 1}',
  );
  if (issues.length > 0) throw new JobOptionsInvalidError(issues);
}

/** @throws JobOptionsInvalidError */
export function checkOnce({ token, ttlMs }: Once): void {
  const issues: FieldIssue[] = [];
  if (!/^[A-Za-z0-9._~-]{1,128}$/.test(token)) {
    issues.push({ path: '/once/token', message: 'must be 1 to 128 of A-Z a-z 0-9 . _ ~ -.' });
  }
  if (!limits.onceTtlMs.holds(ttlMs)) issues.push({ path: '/once/ttlMs', message: `${limits.onceTtlMs.rule}.` });
  if (issues.length > 0) throw new JobOptionsInvalidError(issues);
}

/** The options of BullMQ for a job of this queue; `options` were checked. */
export function storedOptions(definition: QueueDefinition, options: JobOptions = {}): StoredJobOptions {
  const backoff = options.backoff ?? definition.backoff;
  return {
    attempts: options.attempts ?? definition.attempts,
    priority: priorityNumber(options.priority ?? definition.priority ?? 'normal') ?? 10,
    timeoutMs: options.timeoutMs ?? definition.timeoutMs,
    removeOnComplete: keep(definition.retention.completed),
    removeOnFail: keep(definition.retention.failed),
    keepLogs: maxLogLines,
    ...(options.delayMs !== undefined && options.delayMs > 0 && { delay: options.delayMs }),
    ...(backoff !== undefined && {
      backoff: { type: backoffStrategyName, delay: backoff.delayMs },
      backoffPolicy: backoff,
    }),
  };
}

/** BullMQ's ages are seconds; `false` keeps everything. */
function keep({ count, ageMs }: RetentionRule): KeepJobs | false {
  if (ageMs !== undefined) return { age: Math.ceil(ageMs / 1000), ...(count !== undefined && { count }) };
  return count === undefined ? false : { count };
}
