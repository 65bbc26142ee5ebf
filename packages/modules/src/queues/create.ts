import { join } from 'node:path';
import { lossCheckIntervalMs, type BaseConfig } from '@holdfast/config';
import type { InstalledQueues } from '@holdfast/jobs';
import { createRedisBackend, openOutbox, Queues } from '@holdfast/queue';
import type { QueueBackend, QueueDefinition } from '@holdfast/queue';
import type { Keys } from '@holdfast/redis-core';
import type { CreateContext, NoNeeds } from '../module.ts';
import type { QueuesSettings } from './config/settings.ts';
import { namesOfOthers, queueDefinitions } from './definitions.ts';
import { LoopRecord } from './loop-record.ts';
import { loadDefinitions } from './own/load-definitions.ts';

export interface QueuesPart {
  readonly queues: Queues<InstalledQueues>;
  readonly backend: QueueBackend;
  readonly loop: LoopRecord;
}

/**
 * The embedded queue is opened here, which takes a moment.
 * @throws OwnQueuesError when the files that `handlers` names cannot be used
 * @throws EmbeddedFolderLockedError when another process uses the data folder
 * @throws EmbeddedFolderUnusableError when the embedded queue cannot be opened in it, which says why
 * @throws QueueDefinitionError when two modules, or one and the configuration, define one queue
 */
export async function createQueues(context: CreateContext<QueuesSettings, NoNeeds>): Promise<QueuesPart> {
  const { config, settings, keys, disk } = context;
  const own = await loadDefinitions(settings.own, namesOfOthers(settings));
  const definitions = queueDefinitions(settings, own);
  const opened: { close(): Promise<void> }[] = [];
  try {
    // Not where its Redis cannot be away.
    const keepsJobs = disk !== undefined && config.redis.queue !== null;
    const outbox = keepsJobs ? await openOutbox({ folder: disk, ...settings.outbox }) : undefined;
    if (outbox !== undefined) opened.push(outbox);
    const backend = await createQueueBackend(config, keys, definitions);
    opened.push(backend);
    // So that its status says that it was emptied; what that takes is done by workers.
    backend.onLoss(() => undefined);
    const queues = new Queues<InstalledQueues>({
      backend,
      definitions,
      disabled: settings.disabled,
      ...(settings.addBatchSize === undefined ? {} : { addBatchSize: settings.addBatchSize }),
      ...(settings.generation === undefined ? {} : { generation: settings.generation }),
      ...(outbox === undefined ? {} : { outbox }),
    });
    return { queues, backend, loop: new LoopRecord() };
  } catch (error) {
    for (const each of opened.toReversed()) await each.close();
    throw error;
  }
}

async function createQueueBackend(
  { redis, dataDir, profile }: BaseConfig,
  keys: Keys,
  definitions: readonly QueueDefinition[],
): Promise<QueueBackend> {
  if (redis.queue === null) {
    // Late: a process beside a Redis never carries it.
    const { createEmbeddedBackend } = await import('@holdfast/queue/embedded');
    return createEmbeddedBackend({ directory: join(dataDir, 'queue'), definitions });
  }
  const { connectionTimeoutMs, commandTimeoutMs, queuePrefix } = redis;
  return createRedisBackend({
    target: redis.queue,
    ...(queuePrefix === undefined ? { keyPrefix: `${keys.prefix}:jobs` } : { prefix: queuePrefix }),
    connectionTimeoutMs,
    commandTimeoutMs,
    lossCheckIntervalMs: lossCheckIntervalMs[profile],
  });
}
