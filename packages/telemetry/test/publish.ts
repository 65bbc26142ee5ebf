import { channel } from 'node:diagnostics_channel';
import type { RedisChannels } from '@holdfast/redis-core';

/** Publishes as the libraries do. */
export function publish<Name extends keyof RedisChannels>(name: Name, event: RedisChannels[Name]): void {
  channel(name).publish(event);
}
