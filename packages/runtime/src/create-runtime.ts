import { join } from 'node:path';
import { CacheRegistry, cacheEntityStore, Entities, EntityGraph } from '@holdfast/cache';
import type { Config } from '@holdfast/config';
import { builtInQueues, declaredQueue } from '@holdfast/jobs';
import { Queues, createRedisBackend, defineQueue, openOutbox } from '@holdfast/queue';
import { createEmbeddedBackend } from '@holdfast/queue/embedded';
import type { Outbox, QueueBackend, QueueDefinition } from '@holdfast/queue';
import { createEngine, createKeys } from '@holdfast/redis-core';
import type { Keys, RedisEngine } from '@holdfast/redis-core';
import { openJournal, type Journal } from '@holdfast/redis-core/journal';
import { Mirror, Sources } from '@holdfast/sources';
import { embeddedCacheBytes } from './embedded-memory.ts';
import { EvictionWatch } from './eviction-watch.ts';

/** Everything that a configuration stands for, running. */
export interface Runtime {
  readonly engines: { readonly cache: RedisEngine; readonly durable: RedisEngine };
  readonly caches: CacheRegistry;
  readonly entities: Entities;
  readonly sources: Sources;
  readonly queueBackend: QueueBackend;
  readonly queues: Queues;
  /** Looks at nothing before it is started. */
  readonly eviction: EvictionWatch;
  /** Closes all of it, the newest first. */
  close(): Promise<void>;
}

export interface RuntimeOptions {
  /**
   * Whether caches and an outbox stand in for Redis while it is away (where the configuration allows it). For a process
   * that answers callers; one that works on jobs had better fail and try again. Default false.
   */
  readonly standIn?: boolean;
}

/**
 * Builds the engines, caches, sources and queues of a configuration. Connections are made in the background: it does
 * not fail because Redis is away. The embedded queue is opened here, which takes a moment.
 * @throws StartError in embedded mode, when this process may use less than it takes
 * @throws EmbeddedFolderLockedError when another process uses the data folder
 * @throws EmbeddedFolderUnusableError when the embedded queue cannot be opened in it, which says why
 * @throws JournalError when the journal in the data folder cannot be opened, which says why
 * @throws OutboxError likewise
 */
export async function createRuntime(config: Config, { standIn = false }: RuntimeOptions = {}): Promise<Runtime> {
  const redis = withinMemory(config);
  const keys = createKeys(redis.keyPrefix);
  // First, as it may be refused: nothing is open yet that would have to be closed again.
  const journal = standIn ? openInvalidationJournal(config) : undefined;
  const outbox = standIn ? openJobOutbox(config) : undefined;
  const definitions = queueDefinitions(config);
  const queueBackend = await createQueueBackend(config, keys, definitions);
  const ownKey = keys.probe();
  const engines = {
    cache: createEngine({ ...redis.cache, ownKey }),
    durable: createEngine({ ...redis.durable, ownKey }),
  };
  const queues = new Queues({
    backend: queueBackend,
    definitions,
    disabled: config.disabled.queues,
    ...(outbox === undefined ? {} : { outbox }),
  });
  const { l1, ...cacheOptions } = config.cache;
  // A process that serves nobody keeps nothing: being told of every change would cost it a connection and its heartbeat.
  const near = standIn ? l1 : { maxBytes: 0 };
  const caches = new CacheRegistry({
    engine: engines.cache,
    keys,
    near,
    ...cacheOptions,
    ...(journal === undefined ? {} : { journal }),
  });
  const eviction = new EvictionWatch({
    engines,
    targets: { cache: redis.cache.target, durable: redis.durable.target },
  });
  return {
    engines,
    eviction,
    caches,
    entities: new Entities({ graph: new EntityGraph(config.entities), store: cacheEntityStore(caches) }),
    sources: createSources(config, engines.cache, keys, caches),
    queueBackend,
    queues,
    async close() {
      eviction.close();
      await queues.close();
      await caches.close();
      await Promise.all([engines.cache.close(), engines.durable.close()]);
      journal?.close();
    },
  };
}

/** In embedded mode the cache is bounded by what this process may use; elsewhere it is not in this process. */
function withinMemory({ mode, redis }: Config): Config['redis'] {
  if (mode !== 'embedded') return redis;
  return { ...redis, cache: { ...redis.cache, target: { kind: 'memory', maxBytes: embeddedCacheBytes() } } };
}

/** On disk, so that what Redis has to forget survives this process. `undefined` where Redis cannot be away, or must not. */
function openInvalidationJournal({ redis, dataDir }: Config): Journal | undefined {
  if (!redis.enableFallback || redis.cache.target.kind === 'memory') return undefined;
  return openJournal({ file: join(dataDir, 'journal.db') });
}

/** Jobs that are added while their Redis is away. `undefined` where it cannot be away, or an outage is to be answered 503. */
function openJobOutbox({ redis, dataDir, outbox }: Config): Outbox | undefined {
  if (!redis.enableFallback || redis.queue === null) return undefined;
  return openOutbox({ directory: dataDir, ...outbox });
}

async function createQueueBackend(
  { redis, dataDir }: Config,
  keys: Keys,
  definitions: readonly QueueDefinition[],
): Promise<QueueBackend> {
  if (redis.queue === null) return createEmbeddedBackend({ directory: join(dataDir, 'queue'), definitions });
  const { connectionTimeoutMs, commandTimeoutMs } = redis;
  return createRedisBackend({
    target: redis.queue,
    keyPrefix: `${keys.prefix}:jobs`,
    connectionTimeoutMs,
    commandTimeoutMs,
  });
}

/** The built-in queues, with what the configuration says otherwise, and those that only the configuration knows. */
function queueDefinitions({ queues, disabled }: Config): QueueDefinition[] {
  const enabled = builtInQueues.filter(({ name }) => !disabled.queues.includes(name));
  const builtIn = enabled.map((definition) => {
    const { retention, ...overrides } = queues[definition.name] ?? {};
    return defineQueue({
      ...definition,
      ...overrides,
      retention: { ...definition.retention, ...retention },
    });
  });
  const declared = Object.entries(queues).flatMap(([name, { delivery, ...queue }]) =>
    delivery === undefined ? [] : [declaredQueue(name, queue)],
  );
  return [...builtIn, ...declared];
}

function createSources(
  { sources, disabled, upstream }: Config,
  engine: RedisEngine,
  keys: Keys,
  caches: CacheRegistry,
): Sources {
  // `.invalid` never resolves: the mirror is served, and a sync that slipped past the route fails instead of guessing.
  const baseUrl = upstream.baseUrl ?? 'http://upstream-not-configured.invalid';
  const { apiKey } = upstream;
  const mirrors = Object.values(sources).map(
    (source) =>
      new Mirror({
        source,
        upstream: { baseUrl, ...(apiKey === undefined ? {} : { apiKey }) },
        engine,
        keys,
        cache: caches.get(source.namespace),
      }),
  );
  return new Sources(mirrors, disabled.sources);
}
