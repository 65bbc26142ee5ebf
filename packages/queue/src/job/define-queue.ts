import type { TSchema } from 'typebox';
import { isBackoff, type Backoff } from './backoff.ts';
import { QueueDefinitionError } from './errors.ts';
import { limits } from './limits.ts';
import { coalesceProblems, type Coalesce } from './coalesce.ts';
import type { Schedule } from './schedule.ts';
import { scheduleIssues } from './schedule-rules.ts';
import { priorityNumber, type Priority } from './priority.ts';

/**
 * Everything that is known of a queue before it runs: what its jobs carry and how they are treated. Its types know the
 * name and the data of a definition that is a constant; those of one that is only known at run time are open.
 */
export interface QueueDefinition<
  Name extends string = string,
  Payload extends TSchema = TSchema,
  Result extends TSchema = TSchema,
> {
  /** Letters, digits, `-`, `_`, `.`; part of the keys. */
  readonly name: Name;
  readonly description: string;
  /** What the data of a job must fit. Use `additionalProperties: false` to refuse unknown fields. */
  readonly payload: Payload;
  /** What its handler returns. For the compiler and for readers: no result is checked when a job ends. */
  readonly result?: Result;
  /** How often a job is tried in all, 1 to 100. */
  readonly attempts: number;
  /** The wait before the next attempt; without it the next attempt follows at once. */
  readonly backoff?: Backoff;
  /** Of a job that says nothing else. Default `normal`. */
  readonly priority?: Priority;
  /** How long one attempt may take, 1 ms to 24 h. */
  readonly timeoutMs: number;
  /** How long a job may wait for its run before it is not run any more, 1 ms to 365 days; without it for ever. */
  readonly waitingTtlMs?: number;
  readonly retention: Retention;
  /** Jobs that one consumer runs at a time. */
  readonly concurrency: number;
  /** How many jobs of the queue may start in a stretch of time, over all workers. */
  readonly rateLimit?: RateLimit;
  /** A job that was running this many times when its worker died is given up, 1 to 100. Default 5. */
  readonly maxCrashes?: number;
  readonly schedule?: Schedule;
  /** Makes one job of those that are alike but for one array of their data. */
  readonly coalesce?: Coalesce;
  /** Whether a job is also added at each start of the service. */
  readonly runAtStart?: boolean;
}

export interface RateLimit {
  /** At least 1. */
  readonly max: number;
  /** 1 ms to 24 h. */
  readonly durationMs: number;
}

export interface Retention {
  readonly completed: RetentionRule;
  readonly failed: RetentionRule;
}

/**
 * Jobs beyond `count` or older than `ageMs` are removed when the next job of the queue ends, and within a minute where a
 * worker sweeps the queue (see `RetentionSweeper`).
 */
export interface RetentionRule {
  readonly count?: number;
  /** 1 s to 36,500 days. */
  readonly ageMs?: number;
}

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/**
 * Checks a definition and returns it, frozen. From its type follow those of the jobs, in `Queues`, `Consumer` and `Handler`.
 *
 * @throws QueueDefinitionError naming everything that is wrong with it.
 */
export function defineQueue<const Name extends string, Payload extends TSchema, Result extends TSchema = TSchema>(
  definition: QueueDefinition<Name, Payload, Result>,
): QueueDefinition<Name, Payload, Result> {
  const problems = [...problemsOf(definition)];
  if (problems.length > 0) throw new QueueDefinitionError(`Queue "${definition.name}": ${problems.join('; ')}.`);
  return Object.freeze({ ...definition });
}

function* problemsOf(definition: QueueDefinition): Generator<string> {
  const { name, attempts, backoff, priority, timeoutMs, waitingTtlMs, retention, concurrency, schedule, coalesce } =
    definition;
  if (!namePattern.test(name)) yield 'name must be 1 to 100 of A-Z a-z 0-9 . _ - and start with a letter or a digit';
  if (!limits.attempts.holds(attempts)) yield `attempts ${limits.attempts.rule}`;
  if (!limits.timeoutMs.holds(timeoutMs)) yield `timeoutMs ${limits.timeoutMs.rule}`;
  if (waitingTtlMs !== undefined && !limits.waitingTtlMs.holds(waitingTtlMs)) {
    yield `waitingTtlMs ${limits.waitingTtlMs.rule}`;
  }
  if (backoff !== undefined && !isBackoff(backoff)) yield 'backoff must have a type and a delayMs from 0 to 24 h';
  if (priority !== undefined && priorityNumber(priority) === undefined) yield 'priority is not one';
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 1000) yield 'concurrency must be 1 to 1000';
  const { rateLimit, maxCrashes } = definition;
  if (rateLimit !== undefined) {
    if (!Number.isInteger(rateLimit.max) || rateLimit.max < 1) yield 'rateLimit.max must be an integer ≥ 1';
    if (!limits.timeoutMs.holds(rateLimit.durationMs)) yield `rateLimit.durationMs ${limits.timeoutMs.rule}`;
  }
  if (maxCrashes !== undefined && !limits.attempts.holds(maxCrashes)) yield `maxCrashes ${limits.attempts.rule}`;
  for (const outcome of ['completed', 'failed'] as const) {
    const { count, ageMs } = retention[outcome];
    if (count !== undefined && (!Number.isInteger(count) || count < 1)) yield `retention.${outcome}.count must be ≥ 1`;
    if (ageMs !== undefined && !limits.retentionAgeMs.holds(ageMs)) {
      yield `retention.${outcome}.ageMs ${limits.retentionAgeMs.rule}`;
    }
  }
  if (coalesce !== undefined) yield* coalesceProblems(coalesce).map((problem) => `coalesce.${problem}`);
  if (schedule !== undefined) {
    for (const { path, message } of scheduleIssues(schedule, 'schedule')) yield `${path.replace('/', '.')} ${message}`;
  }
}
