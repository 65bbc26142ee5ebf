import type { FieldIssue } from '@holdfast/redis-core';
import type { BackoffOptions, JobsOptions, KeepJobs } from 'bullmq';
import type { Once } from './new-job.ts';
import { defaultJitter, isBackoff, isBounded, type Backoff } from './backoff.ts';
import type { QueueDefinition, RetentionRule } from './define-queue.ts';
import { JobOptionsInvalidError } from './errors.ts';
import { isJobId, jobIdRule } from './job-id.ts';
import { limits, maxLogLines } from './limits.ts';
import { deduplicationIssues, deduplicationMode, storedDeduplication, type Deduplication } from './deduplication.ts';
import { priorityNumber, priorityRule, type Priority } from './priority.ts';

/** What a caller may say about one job; what is left out comes from the definition of the queue. */
export interface JobOptions {
  /** 1 to 128 of `A-Z a-z 0-9 . _ ~ -`, not only digits, not `.` or `..`, not a name of the queue's own keys. A job of this id that exists is not added again. */
  readonly jobId?: string;
  readonly priority?: Priority;
  readonly delayMs?: number;
  readonly attempts?: number;
  readonly backoff?: Backoff;
  readonly timeoutMs?: number;
  /**
   * How long the job may wait for its run, from when it could have run: 1 ms to 365 days. One that waited longer is not
   * run but fails with `JOB_EXPIRED`.
   */
  readonly waitingTtlMs?: number;
  readonly deduplication?: Deduplication;
}

/** BullMQ's name for the back-off that this package computes itself (see backoff.ts). */
const backoffStrategyName = 'holdfast';

/**
 * BullMQ keeps unknown options with the job, on both backends; the consumer reads these back. What they say of every job of
 * its queue is not stored with each (see `compact`), but jobs of earlier versions have it.
 */
export interface StoredJobOptions extends JobsOptions {
  /** Where it is not that of the definition. */
  readonly timeoutMs?: number;
  /** From the job's `timestamp` plus its `delay`, or from when it was redriven; later attempts are not held to it. */
  readonly waitingTtlMs?: number;
  /** Where BullMQ's own `backoff` does not say all of it: its longest wait. */
  readonly backoffPolicy?: Backoff;
  /** How often it has been redriven, and when last (milliseconds, the clock of the store). */
  readonly redriven?: number;
  readonly redrivenAt?: number;
}

/** What each option must be, and how to say it. */
const rules: Readonly<Record<Exclude<keyof JobOptions, 'deduplication'>, Rule>> = {
  jobId: { holds: isJobId, rule: jobIdRule },
  priority: { holds: (value) => priorityNumber(value) !== undefined, rule: priorityRule },
  delayMs: limits.delayMs,
  attempts: limits.attempts,
  timeoutMs: limits.timeoutMs,
  waitingTtlMs: limits.waitingTtlMs,
  backoff: {
    holds: isBackoff,
    rule: 'must be {type: "exponential" or "fixed", delayMs: 0 to 24 h, maxDelayMs?, jitter?: 0 to 1}',
  },
};

interface Rule {
  readonly holds: (value: unknown) => boolean;
  readonly rule: string;
}

/** What is wrong with the name of a job. PostgreSQL cannot store U+0000, and a job must fit every backend. */
export function jobNameProblem(name: unknown): string | undefined {
  if (typeof name !== 'string' || name.length < 1 || name.length > 128) return 'must have 1 to 128 characters.';
  if (name.includes('\0') || !name.isWellFormed()) return 'must not have U+0000 or half of a surrogate pair.';
  return undefined;
}

/**
 * @param path where the options stand, for the messages
 * @throws JobOptionsInvalidError with every option that is wrong, each with what is allowed.
 */
export function checkJobOptions(options: JobOptions, path = '/options'): void {
  const issues = [...jobOptionIssues(options, path)];
  if (issues.length > 0) throw new JobOptionsInvalidError(issues);
}

function* jobOptionIssues(options: unknown, path: string): Generator<FieldIssue> {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    yield { path, message: 'must be an object.' };
    return;
  }
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const rule = Object.hasOwn(rules, name) ? rules[name as keyof typeof rules] : undefined;
    if (name === 'deduplication') yield* deduplicationIssues(value, `${path}/deduplication`);
    // BullMQ would keep it, and nobody would ever read it.
    else if (rule === undefined) yield { path: `${path}/${name}`, message: 'is not a known option.' };
    else if (!rule.holds(value)) yield { path: `${path}/${name}`, message: `${rule.rule}.` };
  }
  const { delayMs, deduplication } = options as JobOptions;
  if (delayMs === 0 && deduplication?.mode === 'debounce') {
    yield {
      path: `${path}/delayMs`,
      message: 'must be at least 1 in the mode debounce: only a job that waits for its delay is replaced.',
    };
  }
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
  const waitingTtlMs = options.waitingTtlMs ?? definition.waitingTtlMs;
  const { deduplication } = options;
  // Debouncing replaces only what is delayed.
  const isDebounced = deduplication !== undefined && deduplicationMode(deduplication) === 'debounce';
  const delay = options.delayMs ?? (isDebounced ? deduplication.ttlMs : undefined);
  const attempts = options.attempts ?? definition.attempts;
  const stored: StoredJobOptions = {
    attempts,
    priority: priorityNumber(options.priority ?? definition.priority ?? 'normal') ?? 10,
    timeoutMs: options.timeoutMs ?? definition.timeoutMs,
    removeOnComplete: keep(definition.retention.completed),
    removeOnFail: keep(definition.retention.failed),
    ...(waitingTtlMs !== undefined && { waitingTtlMs }),
    ...(delay !== undefined && delay > 0 && { delay }),
    ...(deduplication !== undefined && { deduplication: storedDeduplication(deduplication) }),
    ...(backoff !== undefined && { backoff: plainBackoff(backoff), backoffPolicy: backoff }),
  };
  return compact(stored, definition);
}

/**
 * Without what needs not be stored with each job, so that a job takes no more room than BullMQ's own: what its consumer
 * knows from the definition, and what is BullMQ's default. What earlier versions stored becomes what is stored now.
 */
export function compact(options: StoredJobOptions, definition: Pick<QueueDefinition, 'timeoutMs'>): StoredJobOptions {
  const { timeoutMs, removeOnComplete, removeOnFail, keepLogs: _, backoff, backoffPolicy, ...others } = options;
  const { attempts = 1 } = others;
  return {
    ...others,
    ...(timeoutMs !== undefined && timeoutMs !== definition.timeoutMs && { timeoutMs }),
    ...(removeOnComplete !== undefined && removeOnComplete !== false && { removeOnComplete }),
    ...(removeOnFail !== undefined && removeOnFail !== false && { removeOnFail }),
    ...(backoff !== undefined && { backoff: withoutZeroJitter(backoff) }),
    ...(isBackoff(backoffPolicy) && isBounded(backoffPolicy, attempts) && { backoffPolicy }),
  };
}

/** What is stored is what every BullMQ worker understands: with a name of ours, one of another program could not retry. */
function plainBackoff({ type, delayMs, jitter }: Backoff): BackoffOptions {
  return { type, delay: delayMs, jitter: jitter ?? defaultJitter(type) };
}

function withoutZeroJitter(backoff: number | BackoffOptions): number | BackoffOptions {
  // A schedule of another program may have anything.
  if (typeof backoff !== 'object' || backoff?.jitter !== 0) return backoff;
  const { jitter: _, ...others } = backoff;
  return others;
}

/**
 * Has BullMQ ask the consumer for the wait before the next attempt of a job that it runs: only so the longest wait holds,
 * and a handler may say RetryLaterError. A policy that another program gave its job says the same as before; one that only
 * that program knows stays. Logs are kept as for all jobs.
 */
export function askConsumerForBackoff(job: { readonly opts: JobsOptions & Partial<StoredJobOptions> }): void {
  const opts: JobsOptions & { backoffPolicy?: Backoff } = job.opts;
  opts.keepLogs ??= maxLogLines;
  const policy = opts.backoffPolicy ?? policyOf(opts.backoff);
  if (policy !== undefined) opts.backoffPolicy = policy;
  if (opts.backoff === undefined || policy !== undefined) {
    opts.backoff = { type: backoffStrategyName, delay: policy?.delayMs ?? 0 };
  }
}

/** BullMQ's own two kinds, without a longest wait. */
function policyOf(backoff: JobsOptions['backoff']): Backoff | undefined {
  if (backoff === undefined) return undefined;
  const {
    type,
    delay = 0,
    jitter = 0,
  }: BackoffOptions = typeof backoff === 'number' ? { type: 'fixed', delay: backoff } : backoff;
  if ((type !== 'fixed' && type !== 'exponential') || !Number.isFinite(delay)) return undefined;
  const known = type === 'fixed' ? 'fixed' : 'exponential';
  return { type: known, delayMs: delay, jitter, maxDelayMs: Number.POSITIVE_INFINITY };
}

/** BullMQ's ages are seconds; `false` keeps everything. */
function keep({ count, ageMs }: RetentionRule): KeepJobs | false {
  if (ageMs !== undefined) return { age: Math.ceil(ageMs / 1000), ...(count !== undefined && { count }) };
  return count === undefined ? false : { count };
}
