import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { QueueChannels } from '@holdfast/queue';
import type { RedisChannels } from '@holdfast/redis-core';
import type { SourceChannels, SourceSyncEvent } from '@holdfast/sources';

/** What a process tells the program that started it with a channel, as `npm start` does. */
export interface NewsForParent {
  /** Listens, at this URL. */
  readonly address?: string;
  /** Whether requests should be sent here now. */
  readonly ready?: boolean;
  /** Why a Redis cannot be used now; `null`: all can. */
  readonly redis?: string | null;
  /** A sync of this source has ended, well or not. */
  readonly synced?: string;
}

type Channel = keyof RedisChannels | keyof QueueChannels | keyof SourceChannels;

/** Tells it; does nothing where nobody asked to be told. */
export function tellParent(news: NewsForParent): void {
  if (!process.connected) return;
  // A parent that is gone needs no news.
  process.send?.({ holdfast: news }, undefined, undefined, () => undefined);
}

/**
 * Tells it what `read` says each time that a Redis came or went, and each sync that ended in this process.
 * @returns what ends that
 */
export function keepParentTold(read: () => NewsForParent): () => void {
  const ends: (() => void)[] = [];
  const on = (channel: Channel, listener: (event: unknown) => void): void => {
    subscribe(channel, listener);
    ends.push(() => unsubscribe(channel, listener));
  };
  // What an event says is not what `read` finds before those who are told later have heard of it.
  const tell = (): void => void setImmediate(() => tellParent(read()));
  on('holdfast:redis:availability', tell);
  on('holdfast:queue:availability', tell);
  on('holdfast:sources:sync', (event) => tellParent({ synced: (event as SourceSyncEvent).source }));
  return () => {
    for (const end of ends) end();
  };
}
