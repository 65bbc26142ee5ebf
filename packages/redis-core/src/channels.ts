import { channel } from 'node:diagnostics_channel';
import type { FaultKind } from './connection-fault.ts';
import type { DiskStatus } from './disk/disk-status.ts';
import type { Refusals } from './engine.ts';
import type { LimitKind } from './server-limits.ts';

/**
 * What this package publishes on `node:diagnostics_channel`. A library logs nothing and counts nothing by itself:
 * whoever wants logs or metrics subscribes by name.
 */
export interface RedisChannels {
  /** One client command, as MONITOR would show it, after its reply or its failure. */
  'holdfast:redis:command': RedisCommandEvent;
  /** The connection came or went, or is away for another reason than the one that was told. */
  'holdfast:redis:availability': RedisAvailabilityEvent;
  /** What a Redis that is there refuses is something else than before, or nothing any more. */
  'holdfast:redis:refusals': RedisRefusalsEvent;
  /** The circuit breaker of a connection changed its state. */
  'holdfast:redis:breaker': RedisBreakerEvent;
  /** A master of a cluster cannot be used, or can be used again; the others go on. */
  'holdfast:redis:node': RedisNodeEvent;
  /** Reads are tracked from now on, no longer, or still not after another try. */
  'holdfast:redis:tracking': RedisTrackingEvent;
  /** The server refuses something that can be done without, or no longer does. Once each, over all connections made. */
  'holdfast:redis:limit': RedisLimitEvent;
  /** A pipeline ended. */
  'holdfast:redis:pipeline': RedisPipelineEvent;
  /** A folder of durable files is in another state than the one that was told. */
  'holdfast:disk:status': DiskStatusEvent;
  /** A disk did not answer in time. */
  'holdfast:disk:late': DiskLateEvent;
}

export interface RedisCommandEvent {
  readonly engine: string;
  /** The name given to the engine: `cache`, `durable`. */
  readonly connection: string;
  /** Lower case; a script appears as `script:<name>`, a batch once per operation. */
  readonly command: string;
  /** Client commands that this stands for. */
  readonly commands: number;
  readonly durationMs: number;
  readonly outcome: 'ok' | 'error' | 'unavailable' | 'unknown';
}

export interface RedisPipelineEvent {
  /** The name that the caller gave; else the kind of the engine. */
  readonly connection: string;
  readonly operations: number;
  readonly commands: number;
  /** Against one command for each operation that was sent. */
  readonly saved: number;
  readonly failed: number;
  readonly durationMs: number;
}

export interface DiskStatusEvent extends DiskStatus {
  readonly directory: string;
}

export interface DiskLateEvent {
  readonly directory: string;
  /** Calls whose outcome is not known now. */
  readonly calls: number;
}

export interface RedisAvailabilityEvent {
  readonly engine: string;
  readonly connection: string;
  readonly available: boolean;
  /** Where the Redis is, without user and password. */
  readonly address?: string;
  /** Why it is away, in one line. */
  readonly reason?: string;
  readonly fault?: FaultKind;
}

export interface RedisRefusalsEvent {
  readonly connection: string;
  /** Where the Redis is, without user and password. */
  readonly address: string;
  /** Empty: nothing. */
  readonly refuses: Refusals;
}

export interface RedisBreakerEvent {
  readonly connection: string;
  readonly state: 'closed' | 'half-open' | 'open';
  /** Why, when it is not closed. */
  readonly reason?: string;
}

export interface RedisNodeEvent {
  readonly connection: string;
  /** `host:port`. */
  readonly node: string;
  readonly available: boolean;
  readonly reason?: string;
  /** It was away and owns no slot any more, so that nobody asks for it: the last that is said of it. */
  readonly hasLeft?: true;
}

export interface RedisTrackingEvent {
  readonly connection: string;
  readonly armed: boolean;
  /** Why not, when it is not. */
  readonly reason?: string;
}

export interface RedisLimitEvent {
  readonly connection: string;
  /** Where the Redis is, without user and password. */
  readonly address: string;
  readonly kind: LimitKind;
  /** What is refused, and what follows from it; absent when it is granted after all. */
  readonly reason?: string;
}

/** Publishes only where somebody listens, so that an unobserved command costs nothing. */
export function publishEvent<Name extends keyof RedisChannels>(name: Name, event: () => RedisChannels[Name]): void {
  const target = channel(name);
  if (target.hasSubscribers) target.publish(event());
}
