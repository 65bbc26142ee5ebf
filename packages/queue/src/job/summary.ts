import type { Backoff } from './backoff.ts';
import type { QueueDefinition, Retention } from './define-queue.ts';
import type { Schedule } from './schedule.ts';
import { priorityNumber } from './priority.ts';
import type { Coalesce } from './coalesce.ts';

export interface QueueSummary {
  readonly name: string;
  /** What all keys of the queue start with; the schema and queue on the embedded backend. */
  readonly prefix: string;
  readonly paused: boolean;
  readonly counts: QueueCounts;
  /** How long the job that waits longest could have run already; 0 when none could, as in a paused queue. */
  readonly oldestWaitingAgeMs: number;
  /** Consumers that have said lately that they are there, in all processes; not workers of programs with BullMQ alone. */
  readonly workers: number;
  readonly policy: QueuePolicy;
}

export interface QueueCounts {
  readonly waiting: number;
  readonly prioritized: number;
  readonly active: number;
  readonly delayed: number;
  readonly completed: number;
  readonly failed: number;
  readonly waitingChildren: number;
}

export interface QueuePolicy {
  readonly description: string;
  readonly attempts: number;
  readonly backoff: Backoff | null;
  readonly priority: number;
  readonly timeoutMs: number;
  readonly waitingTtlMs: number | null;
  readonly coalesce: Coalesce | null;
  readonly concurrency: number;
  readonly retention: Retention;
  readonly schedule: Schedule | null;
  readonly runAtStart: boolean;
}

/** What a backend reads of a queue; the rest of the summary comes from its definition. */
export interface QueueReading {
  readonly paused: boolean;
  readonly counts: QueueCounts;
  readonly oldestWaitingAgeMs: number;
  readonly workers: number;
}

export function policyOf(definition: QueueDefinition): QueuePolicy {
  return {
    description: definition.description,
    attempts: definition.attempts,
    backoff: definition.backoff ?? null,
    priority: priorityNumber(definition.priority ?? 'normal') ?? 10,
    timeoutMs: definition.timeoutMs,
    waitingTtlMs: definition.waitingTtlMs ?? null,
    coalesce: definition.coalesce ?? null,
    concurrency: definition.concurrency,
    retention: definition.retention,
    schedule: definition.schedule ?? null,
    runAtStart: definition.runAtStart ?? false,
  };
}
