import type { EngineOptions, RedisTarget } from '@holdfast/redis-core';
import type { ApiKey } from './api-keys.ts';
import type { DataVolume } from './data-volume.ts';
import type { ConfigPart, SettingsOf } from './part.ts';
import type { Profile } from './profile.ts';

/**
 * Everything that the processes of Holdfast are told from outside: validated, complete, in base units. The settings of each
 * part stand under its name.
 */
export type Config<Parts extends readonly ConfigPart[]> = BaseConfig & {
  readonly [Part in Parts[number] as Part['name']]: SettingsOf<Part>;
};

/** What belongs to no part. */
export interface BaseConfig {
  readonly environment: 'development' | 'production' | 'test';
  readonly mode: Mode;
  readonly profile: Profile;
  readonly server: ServerConfig;
  readonly worker: WorkerConfig;
  readonly log: LogConfig;
  /** Absolute path of the folder for what must survive the process (embedded queue, outbox). Not created here. */
  readonly dataDir: string;
  readonly dataVolume: DataVolume;
  readonly redis: RedisConfig;
  /** Empty: the API has no authentication and is bound to loopback. */
  readonly apiKeys: readonly ApiKey[];
  /** What is not wrong but probably not meant, one line each, free of secrets. To be logged once at start. */
  readonly warnings: readonly string[];
  /** Absolute path of the holdfast.yaml that was read; `null`: none. */
  readonly file: string | null;
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
  /** Where a thread answers probes and scrapes as well; `null`: nowhere. */
  readonly health: { readonly host: string; readonly port: number } | null;
  readonly requestTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  /** From the signal to the end of a process until the port closes; `shutdownTimeoutMs` begins after it. */
  readonly shutdownDelayMs: number;
  /** Of requests that write an entry, or have many items. */
  readonly bodyLimitBytes: number;
  /** Memory for the bodies and answers that are under way together. Absent: a part of what the process may take. */
  readonly bodyBudgetBytes?: number;
  /** Of requests that add one job, or write a schedule. */
  readonly jobLimitBytes: number;
}

export interface WorkerConfig {
  /** Of the health and metrics server. */
  readonly host: string;
  readonly port: number;
  readonly maxConcurrentJobs: number;
}

export interface LogConfig {
  readonly level: LogLevel;
  /** Absolute path; without it logs go to stdout. */
  readonly file?: string;
}

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

type Limits = Pick<EngineOptions, 'connectionTimeoutMs' | 'commandTimeoutMs' | 'retryAttempts' | 'retryDelayMs'>;

export interface RedisConfig extends Required<Limits> {
  /** Entries that may be lost: `allkeys-lru`. */
  readonly cache: EngineOptions;
  /** What must not be lost. `noeviction` and AOF. */
  readonly durable: EngineOptions;
  /** Where BullMQ lives; `null`: the embedded queue in `dataDir`. Never `memory` or `upstash`. */
  readonly queue: QueueTarget | null;
  readonly keyPrefix: string;
  /** BullMQ's `prefix` of all queues, where it is not made of `keyPrefix`. */
  readonly queuePrefix?: string;
  /** `false`: no fallback; an outage answers 503 and a start without Redis fails. */
  readonly enableFallback: boolean;
}

export type QueueTarget = Extract<RedisTarget, { readonly kind: 'standalone' | 'sentinel' | 'cluster' }>;

export type { DataVolume } from './data-volume.ts';
