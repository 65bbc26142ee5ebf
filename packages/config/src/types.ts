import type { EngineOptions, RedisTarget } from '@holdfast/redis-core';
import type { ApiKey } from './api-keys.ts';

/** Everything that the processes of Holdfast are told from outside: validated, complete, in base units. */
export interface Config {
  readonly environment: 'development' | 'production' | 'test';
  readonly mode: Mode;
  readonly server: ServerConfig;
  readonly worker: WorkerConfig;
  readonly log: LogConfig;
  /** Absolute path of the folder for what must survive the process (embedded queue, outbox). Not created here. */
  readonly dataDir: string;
  readonly redis: RedisConfig;
  readonly cache: CacheConfig;
  /** What invalidating one thing takes along; by type. */
  readonly entities: Readonly<Record<string, EntityConfig>>;
  /** By name: what is said otherwise of a built-in queue, and the queues that only the file knows (with `delivery`). */
  readonly queues: Readonly<Record<string, QueueConfig>>;
  readonly outbox: OutboxConfig;
  readonly sources: Readonly<Record<string, SourceConfig>>;
  /** What `enabled: false` turns off: neither in `queues` nor in `sources`. */
  readonly disabled: DisabledParts;
  readonly upstream: UpstreamConfig;
  readonly httpDelivery: HttpDeliveryConfig;
  /** Empty: the API has no authentication and is bound to loopback. */
  readonly apiKeys: readonly ApiKey[];
  /** What is not wrong but probably not meant, one line each, free of secrets. To be logged once at start. */
  readonly warnings: readonly string[];
  /** Absolute path of the holdfast.yaml that was read; `null`: none. */
  readonly file: string | null;
}

/** Names, in the order of the file. */
export interface DisabledParts {
  readonly queues: readonly string[];
  readonly sources: readonly string[];
}

/** `embedded`: no Redis, one process. `redis`: ioredis. `upstash`: REST for everything but the queue. */
export type Mode = 'embedded' | 'redis' | 'upstash';

export interface ServerConfig {
  /**
   * Where the API listens: unless HOST says otherwise, `localhost` without API keys and `::` with them. They stand for both
   * loopback addresses, and for all addresses, whichever of IPv4 and IPv6 there is.
   */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly requestTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  readonly bodyLimitBytes: number;
}

export interface WorkerConfig {
  /** Of the health and metrics server. */
  readonly host: string;
  readonly port: number;
  /** `null`: all of them. */
  readonly queues: readonly string[] | null;
  readonly maxConcurrentJobs: number;
  /** What an idle worker costs its Redis, against how soon it notices. */
  readonly profile: 'default' | 'low-cost';
}

export interface LogConfig {
  readonly level: LogLevel;
  /** Absolute path; without it logs go to stdout. */
  readonly file?: string;
}

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

export interface RedisConfig {
  /** Entries that may be lost: `allkeys-lru`. */
  readonly cache: EngineOptions;
  /** What must not be lost. `noeviction` and AOF. */
  readonly durable: EngineOptions;
  /** Where BullMQ lives; `null`: the embedded queue in `dataDir`. Never `memory` or `upstash`. */
  readonly queue: QueueTarget | null;
  readonly keyPrefix: string;
  /** `false`: no fallback; an outage answers 503 and a start without Redis fails. */
  readonly enableFallback: boolean;
  readonly connectionTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly retryAttempts: number;
  readonly retryDelayMs: number;
}

export type QueueTarget = Extract<RedisTarget, { readonly kind: 'standalone' | 'sentinel' | 'cluster' }>;

export interface CacheConfig {
  /** Whether a namespace that nobody declared may be used. It then has no expiry by default. */
  readonly allowUndeclared: boolean;
  readonly maxValueBytes: number;
  /** The first tier, in each process. What is absent stays as the cache has it. */
  readonly l1: { readonly maxBytes?: number; readonly maxStaleMs?: number };
  readonly namespaces: Readonly<Record<string, NamespaceConfig>>;
}

export interface NamespaceConfig {
  /** `null`: no expiry. `0`: off, the namespace stores nothing. */
  readonly ttlMs: number | null;
  /** After it an entry is stale: still served, to be refreshed. */
  readonly softTtlMs?: number;
  /** Beyond its TTL, for so long an entry is kept to be served when its loader fails. */
  readonly graceMs?: number;
  /** 0 to 1: TTLs are up to this share shorter, at random. */
  readonly jitter?: number;
  /** 0 to 1: from this share of its life on, a hit refreshes the entry. */
  readonly earlyRefresh?: number;
  /** How long it is kept that a loader found nothing. */
  readonly negativeTtlMs?: number;
  /** How long a loader may run. */
  readonly hardTimeoutMs?: number;
  /** After a failure a loader is left alone for so long, while there is something to serve. */
  readonly failureThrottleMs?: number;
  /** A process that dies while it loads is replaced after so long. */
  readonly leaseMs?: number;
  /** Beyond it the entries that were used longest ago go. Absent: any number. */
  readonly maxEntries?: number;
}

/** A kind of thing that cache entries are about. */
export interface EntityConfig {
  /** Where an instance has entries, under its id. */
  readonly namespaces: readonly string[];
  /** What depends on an instance: entries of `type` tagged with it, and the instances that `field` of its entry names. */
  readonly invalidates: readonly { readonly type: string; readonly field?: string }[];
}

/** Bounds of what a process keeps while the Redis of the queues is away. What is absent stays as the queue has it. */
export interface OutboxConfig {
  readonly maxBytes?: number;
  readonly maxJobs?: number;
  /** What it leaves free on its disk. */
  readonly minFreeBytes?: number;
}

/** What is absent stays as the queue's definition has it. */
export interface QueueOverrides {
  readonly attempts?: number;
  readonly concurrency?: number;
  readonly timeoutMs?: number;
  readonly retention?: { readonly completed?: Retention; readonly failed?: Retention };
  readonly backoff?: QueueBackoff;
  readonly priority?: 'high' | 'normal' | 'low' | number;
  /** A job that waited longer for its first run is not run any more. */
  readonly waitingTtlMs?: number;
  /** So many jobs may start in such a time, over all workers. */
  readonly rateLimit?: { readonly max: number; readonly durationMs: number };
  /** A job that was running this many times when its worker died is given up. */
  readonly maxCrashes?: number;
}

/** `delivery` is there in a queue of the file's own, and only there. */
export interface QueueConfig extends QueueOverrides {
  readonly description?: string;
  /** JSON Schema of the data of its jobs; absent: any JSON. */
  readonly payload?: Readonly<Record<string, unknown>>;
  readonly schedule?: QueueSchedule;
  /** Makes one job of those that are alike but for the array `field` of their data. */
  readonly coalesce?: { readonly field: string; readonly maxItems: number; readonly maxWaitMs: number };
  readonly delivery?: QueueDelivery;
}

export interface QueueBackoff {
  readonly type: 'exponential' | 'fixed';
  readonly delayMs: number;
  readonly maxDelayMs?: number;
  readonly jitter?: number;
}

export type QueueSchedule = { readonly data: unknown } & (
  | { readonly everyMs: number }
  | { readonly pattern: string; readonly tz?: string }
);

/** Where and how the jobs of a queue are delivered. All of it is the operator's, so addresses may be private. */
export interface QueueDelivery {
  readonly url: string;
  readonly method: 'POST' | 'PUT' | 'PATCH';
  readonly headers: Readonly<Record<string, string>>;
  /** Each signs every request. Absent: those of `HttpDeliveryConfig`. */
  readonly secrets?: readonly string[];
  readonly failureUrl?: string;
}

export interface Retention {
  readonly count?: number;
  readonly ageMs?: number;
}

/** A remote collection that is mirrored into the cache namespace `namespace`. */
export interface SourceConfig {
  readonly name: string;
  readonly namespace: string;
  /** Below the upstream's base URL, starting with `/`. */
  readonly path: string;
  /** Where the array of items is in an answer. */
  readonly itemsField: string;
  readonly idField: string;
  readonly pagination: Pagination;
  /** Of one request. */
  readonly timeoutMs: number;
  readonly maxPages: number;
  readonly maxItems: number;
  readonly maxPageBytes: number;
  /** Whether an empty collection is believed (and everything is pruned). */
  readonly allowEmpty: boolean;
  readonly softTtlMs: number;
}

export type Pagination =
  | {
      readonly kind: 'page';
      readonly pageParam: string;
      readonly sizeParam: string;
      readonly size: number;
      readonly totalField?: string;
    }
  | { readonly kind: 'none' };

export interface UpstreamConfig {
  /** Without a trailing slash; `null`: there is none, and mirrors are served as they are. */
  readonly baseUrl: string | null;
  readonly apiKey?: string;
}

export interface HttpDeliveryConfig {
  /** Whether URLs that come with a job may point to private and loopback addresses. */
  readonly allowPrivate: boolean;
  /** Told of every job that has failed for good. The operator's, so it may be private. */
  readonly webhookUrl?: string;
  /** Each signs every request; none: nothing is signed. The newest first. */
  readonly webhookSecrets: readonly string[];
}
