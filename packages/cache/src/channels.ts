import { type Channel, channel } from 'node:diagnostics_channel';
import type { RedisChannels, RedisPipelineEvent } from '@holdfast/redis-core';
import type { UnstorableReason } from './unstored.ts';

/** What this package publishes on `node:diagnostics_channel`. */
export interface CacheChannels {
  'holdfast:cache:operation': CacheOperationEvent;
  /** A loader failed behind the back of a caller, who was served what was there. */
  'holdfast:cache:refresh-failed': CacheRefreshEvent;
  /** A loader's value was returned to its callers and could not be stored. */
  'holdfast:cache:unstored': CacheUnstoredEvent;
  /** A key that was asked for holds something that this package has not written, which reads as a miss. */
  'holdfast:cache:foreign': CacheForeignEvent;
  /** A batch of access counts was written, or could not be. */
  'holdfast:cache:access-flush': CacheAccessFlushEvent;
  /** Entries went because a namespace had more than its `maxEntries`. */
  'holdfast:cache:eviction': CacheEvictionEvent;
}

export interface CacheOperationEvent {
  /** A declared namespace, or `other` for those that are not, so that the number of names is bounded. */
  readonly namespace: string;
  readonly operation: 'get' | 'set' | 'delete';
  readonly outcome: 'hit' | 'miss' | 'stale' | 'stored' | 'deleted' | 'error';
  readonly layer: 'l1' | 'l2' | 'fallback';
  /** Keys that this stands for. */
  readonly count: number;
}

/** To be asked for subscribers before an event is made: reads are too many for one that nobody hears. */
export const operations: Channel = channel('holdfast:cache:operation' satisfies keyof CacheChannels);

export function publishOperation(event: CacheOperationEvent): void {
  if (event.count > 0) operations.publish(event);
}

export interface CacheRefreshEvent {
  readonly namespace: string;
  readonly error: Error;
}

export function publishRefresh(event: CacheRefreshEvent): void {
  const target = channel('holdfast:cache:refresh-failed' satisfies keyof CacheChannels);
  if (target.hasSubscribers) target.publish(event);
}

export interface CacheUnstoredEvent {
  /** As in `holdfast:cache:operation`. */
  readonly namespace: string;
  readonly reason: UnstorableReason;
  readonly error: Error;
}

export function publishUnstored(event: CacheUnstoredEvent): void {
  const target = channel('holdfast:cache:unstored' satisfies keyof CacheChannels);
  if (target.hasSubscribers) target.publish(event);
}

export interface CacheForeignEvent {
  /** As in `holdfast:cache:operation`. */
  readonly namespace: string;
  /** As Redis knows it. */
  readonly key: string;
}

export function publishForeign(event: CacheForeignEvent): void {
  const target = channel('holdfast:cache:foreign' satisfies keyof CacheChannels);
  if (target.hasSubscribers) target.publish(event);
}

/** Keys that shared commands, as those of a pipeline do: what that saved is counted along with it. */
export function publishShared(work: Omit<RedisPipelineEvent, 'connection' | 'saved'>): void {
  const target = channel('holdfast:redis:pipeline' satisfies keyof RedisChannels);
  if (work.operations < 2 || !target.hasSubscribers) return;
  const saved = Math.max(0, work.operations - work.commands);
  target.publish({ connection: 'cache', ...work, saved } satisfies RedisPipelineEvent);
}

export interface CacheAccessFlushEvent {
  /** `kept`: Redis is away, and they wait for the next flush. `dropped`: given up. */
  readonly outcome: 'written' | 'kept' | 'dropped';
  readonly keys: number;
  readonly hits: number;
}

export interface CacheEvictionEvent {
  /** As in `holdfast:cache:operation`. */
  readonly namespace: string;
  readonly count: number;
}

export function publishAccessFlush(event: CacheAccessFlushEvent): void {
  const target = channel('holdfast:cache:access-flush' satisfies keyof CacheChannels);
  if (target.hasSubscribers) target.publish(event);
}

export function publishEviction(event: CacheEvictionEvent): void {
  const target = channel('holdfast:cache:eviction' satisfies keyof CacheChannels);
  if (target.hasSubscribers) target.publish(event);
}
