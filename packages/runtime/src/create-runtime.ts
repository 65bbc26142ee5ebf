import type { BaseConfig } from '@holdfast/config';
import type { AnyModule, BuiltInModules, ConfigOf, Ground, Parts, StartedModule } from '@holdfast/modules';
import { createEngine, createKeys, type RedisTarget } from '@holdfast/redis-core';
import { openDiskFolder } from '@holdfast/redis-core/disk';
import { EvictionWatch } from './eviction-watch.ts';
import { DataFolder } from './folders/data-folder.ts';
import { NotedFolders } from './folders/noted-folders.ts';
import { connectionsOfModules } from './connections.ts';
import { checkOrder } from './module-order.ts';
import { WorkWatch } from './work-watch.ts';

/** Everything that a configuration stands for, running. Whoever works with any modules says so by their `ModuleParts`. */
export interface Runtime<ModuleParts = Parts<BuiltInModules>> {
  readonly engines: Ground['engines'];
  /** What each engine is connected to. */
  readonly targets: { readonly [Name in keyof Ground['engines']]: RedisTarget };
  /** What each module is, by its name. */
  readonly parts: ModuleParts;
  /** The modules in their order, each with its part: for those who register what all of them bring along. */
  readonly modules: readonly StartedModule[];
  /** Looks at nothing before it is started. */
  readonly eviction: EvictionWatch;
  /** Whether a Redis does what callers ask for. Asks nobody before it is asked. */
  readonly work: WorkWatch;
  /** Where it keeps what a Redis that is away has to be told; `undefined` where nothing is kept. */
  readonly folder: DataFolder | undefined;
  /** Tells Redis of that folder, and knows of those that others have left. Says nothing before it is started. */
  readonly folders: NotedFolders | undefined;
  /** Closes all of it, the newest first; also where something cannot be closed. Fails then, and says all that failed. */
  close(): Promise<void>;
}

export interface RuntimeOptions<Modules extends readonly AnyModule[]> {
  /** In the order in which they are made: each after those that it needs. */
  readonly modules: Modules;
  /**
   * Whether caches fall back to memory and jobs to an outbox while Redis is away (where the configuration allows it). For a process
   * that answers callers; one that works on jobs had better fail and try again. Default false.
   */
  readonly usesFallback?: boolean;
}

/**
 * Builds the engines of a configuration and the modules on them. Connections are made in the background: it does not fail
 * because Redis is away. What was made before it fails is closed again.
 * @throws StartError in embedded mode, when this process may use less than it takes; and for a list of modules that cannot be right
 * @throws what the modules throw (see `create.ts` of each)
 */
export async function createRuntime<const Modules extends readonly AnyModule[]>(
  config: ConfigOf<Modules>,
  { modules, usesFallback = false }: RuntimeOptions<Modules>,
): Promise<Runtime<Parts<Modules>>> {
  checkOrder(modules);
  const redis = await withinMemory(config);
  const keys = createKeys(redis.keyPrefix);
  const ownKey = keys.probe();
  const engines = {
    cache: createEngine({ ...redis.cache, ownKey }),
    durable: createEngine({ ...redis.durable, ownKey }),
  };
  const targets = { cache: redis.cache.target, durable: redis.durable.target };
  const eviction = new EvictionWatch({ engines, targets });
  const started: StartedModule[] = [];
  const work = new WorkWatch({
    engines,
    key: ownKey,
    connections: () => connectionsOfModules({ modules: started }),
  });
  // Nothing is opened before a module has something to keep there.
  const disk = usesFallback && redis.enableFallback ? openDiskFolder({ directory: config.dataDir }) : undefined;
  let folder: DataFolder | undefined;
  let folders: NotedFolders | undefined;
  const closeAll = async (): Promise<void> => {
    const failures: unknown[] = [];
    const attempt = async (end: () => unknown): Promise<void> => {
      try {
        await end();
      } catch (error) {
        failures.push(error);
      }
    };
    eviction.close();
    work.close();
    for (const { module, running } of started.toReversed()) await attempt(() => module.close(running.part));
    await attempt(() => engines.cache.close());
    // Nothing comes into the folder any more, and nobody else has it yet.
    await folder?.look();
    await attempt(() => folders?.close());
    folder?.close();
    await Promise.all([attempt(() => engines.durable.close()), attempt(() => disk?.close())]);
    if (failures.length > 1) throw new AggregateError(failures, failures.map(messageOf).join('; '));
    if (failures.length > 0) throw failures[0];
  };
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => (closed ??= closeAll());

  const settings: ReadonlyMap<string, unknown> = new Map(Object.entries(config));
  const parts: Record<string, unknown> = {};
  try {
    for (const module of modules) {
      const needs = Object.fromEntries(Object.entries(module.needs).map(([name, { name: of }]) => [name, parts[of]]));
      const context = { config, keys, engines, settings: settings.get(module.name), needs };
      const part = await module.create({ ...context, usesFallback, disk });
      parts[module.name] = part;
      started.push({ module, running: { ...context, part } });
    }
    if (disk?.isUsed === true) {
      const kept = (): number =>
        started.reduce((sum, { module, running }) => sum + (module.kept?.(running.part) ?? 0), 0);
      folder = await DataFolder.open({ disk, volume: config.dataVolume, kept });
      folders = new NotedFolders({ engine: engines.durable, key: keys.folders(), own: () => folder?.own });
    }
  } catch (error) {
    // Why the start fails is what counts, and not what its end meets.
    await close().catch(() => undefined);
    throw error;
  }
  return {
    engines,
    targets,
    // The only place where the part of a module and its type come together: each was just made by the module of its name.
    parts: parts as Parts<Modules>,
    modules: started,
    eviction,
    work,
    folder,
    folders,
    close,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** In embedded mode the cache is bounded by what this process may use; elsewhere it is not in this process. */
async function withinMemory({ mode, redis }: BaseConfig): Promise<BaseConfig['redis']> {
  if (mode !== 'embedded') return redis;
  // Late, as the embedded queue itself: a process beside a Redis never carries it.
  const { embeddedCacheBytes } = await import('./embedded-memory.ts');
  return { ...redis, cache: { ...redis.cache, target: { kind: 'memory', maxBytes: embeddedCacheBytes() } } };
}
