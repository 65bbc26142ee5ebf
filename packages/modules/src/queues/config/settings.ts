import type { QueuePairs } from '../own/queue-pairs.ts';
import type { OutboxOptions, QueueDefinition, Retention, Schedule } from '@holdfast/queue';

/** Which queues there are, what happens to their jobs, and how those are delivered. */
export interface QueuesSettings {
  /** What is said otherwise of a built-in queue, and the queues that only the file knows (with `delivery`). */
  readonly byName: Readonly<Record<string, QueueConfig>>;
  /** The queues of the catalogue and of modules, as they are without a configuration; also those that are off. */
  readonly inCode: readonly QueueDefinition[];
  /** The queues that files of the installation bring along, as far as they are on. */
  readonly own: QueuePairs;
  /** What `enabled: false` turns off, in the order of the file; not in `byName`. */
  readonly disabled: readonly string[];
  /** Those that a worker serves; `null`: all of them. */
  readonly served: readonly string[] | null;
  /** Bounds of what a process keeps while the Redis of the queues is away. What is absent stays as the queue has it. */
  readonly outbox: Pick<OutboxOptions, 'maxBytes' | 'maxJobs' | 'minFreeBytes'>;
  /** How many jobs one command adds at most. Absent: as the queue has it. */
  readonly addBatchSize?: number;
  /** The number of this release, for the schedules that it declares. Absent: 0. */
  readonly generation?: number;
  readonly httpDelivery: HttpDeliveryConfig;
}

type Policy = Pick<
  QueueDefinition,
  'attempts' | 'maxCrashes' | 'concurrency' | 'priority' | 'timeoutMs' | 'waitingTtlMs' | 'backoff' | 'rateLimit'
>;

/** What is absent stays as the queue's definition has it. */
export interface QueueOverrides extends Partial<Policy> {
  readonly retention?: Partial<Retention>;
}

/** `delivery` is there in a queue of the file's own, and only there. */
export interface QueueConfig extends QueueOverrides, Partial<Pick<QueueDefinition, 'description' | 'coalesce'>> {
  /** JSON Schema of the data of its jobs; absent: any JSON. */
  readonly payload?: Readonly<Record<string, unknown>>;
  readonly schedule?: QueueSchedule;
  readonly delivery?: QueueDelivery;
}

/** When jobs come by themselves, and what they carry. */
export type QueueSchedule = Schedule & { readonly data: unknown };

/** Where and how the jobs of a queue are delivered. All of it is the operator's, so addresses may be private. */
export interface QueueDelivery {
  readonly url: string;
  readonly method: 'POST' | 'PUT' | 'PATCH';
  readonly headers: Readonly<Record<string, string>>;
  /** Each signs every request. Absent: those of `HttpDeliveryConfig`. */
  readonly secrets?: readonly string[];
  readonly failureUrl?: string;
}

export interface HttpDeliveryConfig {
  /** Whether URLs that come with a job may point to private and loopback addresses. */
  readonly allowPrivate: boolean;
  /** Told of every job that has failed for good. The operator's, so it may be private. */
  readonly webhookUrl?: string;
  /** Each signs every request; none: nothing is signed. The newest first. */
  readonly webhookSecrets: readonly string[];
}
