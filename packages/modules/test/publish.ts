import { channel } from 'node:diagnostics_channel';
import type { CacheChannels } from '@holdfast/cache';
import type { QueueChannels } from '@holdfast/queue';
import type { SourceChannels } from '@holdfast/sources';

type Channels = CacheChannels & QueueChannels & SourceChannels;

/** Publishes as the libraries do. */
export function publish<Name extends keyof Channels>(name: Name, event: Channels[Name]): void {
  channel(name).publish(event);
}
