import { join } from 'node:path';
import type { BaseConfig } from '@holdfast/config';
import type { InstalledQueues } from '@holdfast/jobs';
import { createRedisBackend, openOutbox, Queues } from '@holdfast/queue';
import type { Outbox, QueueBackend, QueueDefinition } from '@holdfast/queue';
import type { Keys } from '@holdfast/redis-core';
import type { CreateContext, NoNeeds } from '../module.ts';
import type { QueuesSettings } from './config/settings.ts';
import { namesOfOthers, queueDefinitions } from './definitions.ts';
import { loadDefinitions } from './own/load-definitions.ts';

export interface QueuesPart {
  readonly queues: Queues<InstalledQueues>;
  readonly backend: QueueBackend;
}

/**
 * The embedded queue is opened here, which takes a moment.
 * @throws OwnQueuesError when the files that `handlers` names cannot be used
 * @throws EmbeddedFolderLockedError when another process uses the data folder
 * @throws EmbeddedFolderUnusableError when the embedded queue cannot be opened in it, which says why
 * @throws QueueDefinitionError when two modules, or one and the configuration, define one queue
 * @throws OutboxError when the outbox in the data folder cannot be opened, which says why
 */
export async function createQueues(context: CreateContext<QueuesSettings, NoNeeds>): Promise<QueuesPart> {
  const { config, settings, keys, usesFallback } = context;
  const own = await loadDefinitions(settings.own, namesOfOthers(settings));
  const definitions = queueDefinitions(settings, own);
  const opened: { close(): Promise<void> }[] = [];
  try {
    const outbox = usesFallback ? openJobOutbox(config, settings) : undefined;
    if (outbox !== undefined) opened.push(outbox);
    const backend = await createQueueBackend(config, keys, definitions);
    opened.push(backend);
    const queues = new Queues<InstalledQueues>({
      backend,
      definitions,
      disabled: settings.disabled,
      ...(settings.addBatchSize === undefined ? {} : { addBatchSize: settings.addBatchSize }),
      ...(outbox === undefined ? {} : { outbox }),
    });
    return { queues, backend };
  } catch (error) {
    for (const each of opened.toReversed()) await each.close();
    throw error;
  }
}

/** Jobs that are added while their Redis is away. `undefined` where it cannot be away, or an outage is to be answered 503. */
function openJobOutbox({ redis, dataDir }: BaseConfig, { outbox }: QueuesSettings): Outbox | undefined {
  if (!redis.enableFallback || redis.queue === null) return undefined;
  return openOutbox({ directory: dataDir, ...outbox });
}

async function createQueueBackend(
  { redis, dataDir }: BaseConfig,
  keys: Keys,
  definitions: readonly QueueDefinition[],
): Promise<QueueBackend> {
  if (redis.queue === null) {
    // Late: a process beside a Redis never carries it.
    const { createEmbeddedBackend } = await import('@holdfast/queue/embedded');
    return createEmbeddedBackend({ directory: join(dataDir, 'queue'), definitions });
  }
  const { connectionTimeoutMs, commandTimeoutMs } = redis;
  return createRedisBackend({
    target: redis.queue,
    keyPrefix: `${keys.prefix}:jobs`,
    connectionTimeoutMs,
    commandTimeoutMs,
  });
}
