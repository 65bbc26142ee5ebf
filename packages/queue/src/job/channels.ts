import { channel } from 'node:diagnostics_channel';
import type { FaultKind } from '@holdfast/redis-core';

/** What this package publishes on `node:diagnostics_channel`; it logs and counts nothing by itself. */
export interface QueueChannels {
  'holdfast:queue:job': QueueJobEvent;
  /** A background error of a queue or a worker: a lost connection, a lock that could not be renewed. */
  'holdfast:queue:error': QueueErrorEvent;
  /**
   * The store of the queues came, or went, or refuses access where it was an outage before: one event a change, however
   * many connections there are.
   */
  'holdfast:queue:availability': QueueAvailabilityEvent;
  'holdfast:queue:outbox': OutboxEvent;
  /** The event loop of this process turns again, after it had stood for longer than it may. */
  'holdfast:queue:stuck-loop': StuckLoopEvent;
  /** Jobs were handed to the store in one call. */
  'holdfast:queue:batch': QueueBatchEvent;
  /** One job was made of several items. */
  'holdfast:queue:coalesced': QueueCoalescedEvent;
  /** One command over a connection of BullMQ, after its reply or its failure. */
  'holdfast:queue:command': QueueCommandEvent;
}

export interface QueueCoalescedEvent {
  readonly queue: string;
  /** Calls that are answered with this job, each of which would have been one. */
  readonly calls: number;
  readonly items: number;
}

export interface QueueCommandEvent {
  /** Not where a command is for no queue in particular, or for several: they share connections. */
  readonly queue?: string;
  readonly part: 'producer' | 'consumer' | 'events';
  /** Lower case; a script appears as `script:<name>`. */
  readonly command: string;
  /** Of one that blocks, with the time that it waited. */
  readonly durationMs: number;
  /** `error`: Redis refused it. `unknown`: no reply came. */
  readonly outcome: 'ok' | 'error' | 'unknown';
}

export interface QueueBatchEvent {
  readonly queue: string;
  readonly jobs: number;
}

/** What became of jobs while the store was away, and after. */
export interface OutboxEvent {
  readonly queue: string;
  /**
   * `accepted`: on disk. `refused`: it could not be stored, and its caller was told so. `forwarded`: it is in the store.
   * `known`: its store had it already, so that nothing was added. `set-aside`: it cannot be forwarded.
   */
  readonly event: 'accepted' | 'refused' | 'forwarded' | 'known' | 'set-aside';
  /** How many, in one go. */
  readonly count: number;
  /** With `set-aside` and `refused`. */
  readonly code?: string;
}

export interface QueueJobEvent {
  readonly queue: string;
  readonly event:
    | 'added'
    | 'duplicate'
    | 'started'
    | 'completed'
    | 'failed'
    | 'retrying'
    | 'stalled'
    /** Given back before its lock had run out, because its worker is gone. */
    | 'rescued'
    /** Its workers died too often while it ran. */
    | 'crashed'
    | 'cancelled'
    | 'expired'
    /** A run was told that another one of its job has ended first. */
    | 'superseded';
  /** Its id, where one call or one run is what the event tells of. */
  readonly job?: string;
  /** With `started`: from when the job could run until it did. */
  readonly waitMs?: number;
  /** With `completed`, `failed` and `retrying`: how long the attempt ran. */
  readonly durationMs?: number;
  /** With `completed` and `failed`: how many attempts it took in all. */
  readonly attempts?: number;
}

export interface StuckLoopEvent {
  /** For how long it has stood. */
  readonly stoodMs: number;
  /** For how long it may: the longest timeout of the jobs that run, at least 10 s, or 15 minutes where none runs. */
  readonly limitMs: number;
  /** The queues that this process works on. */
  readonly queues: readonly string[];
}

export interface QueueErrorEvent {
  /** `*` where it is of all queues. */
  readonly queue: string;
  readonly part: 'producer' | 'consumer' | 'events' | 'database';
  readonly error: Error;
}

export interface QueueAvailabilityEvent {
  readonly available: boolean;
  /** Of its Redis, without user and password. */
  readonly address?: string;
  /** Why not, when it is not. */
  readonly reason?: string;
  readonly fault?: FaultKind;
}

/** Publishes only where somebody listens, so that an unobserved job costs nothing. */
export function publishEvent<Name extends keyof QueueChannels>(name: Name, event: () => QueueChannels[Name]): void {
  const target = channel(name);
  if (target.hasSubscribers) target.publish(event());
}
