import { channel } from 'node:diagnostics_channel';
import type { CacheChannels } from '@holdfast/cache';
import type { QueueChannels } from '@holdfast/queue';
import type { RedisChannels } from '@holdfast/redis-core';
import type { SourceChannels } from '@holdfast/sources';

type Channels = RedisChannels & CacheChannels & QueueChannels & SourceChannels;

/** Publishes as the libraries do. */
function publish<Name extends keyof Channels>(name: Name, event: Channels[Name]): void {
  channel(name).publish(event);
}

/** One event of every kind. */
export function publishEverything(): void {
  const redis = { engine: 'ioredis', connection: 'cache' };
  publish('holdfast:redis:command', { ...redis, command: 'get', commands: 1, durationMs: 2, outcome: 'ok' });
  publish('holdfast:redis:pipeline', {
    connection: 'cache',
    operations: 100,
    commands: 2,
    saved: 98,
    failed: 0,
    durationMs: 5,
  });
  publish('holdfast:redis:node', {
    connection: 'cache',
    node: '10.0.0.7:6379',
    available: false,
    reason: 'it is frozen',
  });
  publish('holdfast:redis:availability', { ...redis, available: true });
  publish('holdfast:cache:operation', {
    namespace: 'products',
    operation: 'get',
    outcome: 'hit',
    layer: 'l2',
    count: 3,
  });
  publish('holdfast:cache:unstored', { namespace: 'products', reason: 'too-large', error: new Error('too large') });
  publish('holdfast:queue:job', { queue: 'source-sync', event: 'started', waitMs: 40 });
  publish('holdfast:queue:job', { queue: 'source-sync', event: 'completed', durationMs: 1500, attempts: 2 });
  publish('holdfast:queue:availability', { available: true });
  publish('holdfast:queue:batch', { queue: 'source-sync', jobs: 20 });
  publish('holdfast:queue:outbox', { queue: 'source-sync', event: 'accepted', count: 1 });
  publish('holdfast:queue:error', { queue: 'source-sync', part: 'consumer', error: new Error('lost') });
  const counts = { fetched: 500, updated: 20, unchanged: 480, deleted: 2 };
  publish('holdfast:sources:sync', { source: 'instances', outcome: 'ok', durationMs: 2500, ...counts });
}
