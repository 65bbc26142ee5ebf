import type { EngineOptions, MemoryTarget } from './connection.ts';
import type { RedisEngine } from './engine.ts';
import { ClusterEngine } from './engines/cluster.ts';
import { IoredisEngine } from './engines/ioredis.ts';
import { checkEngineOptions } from './engine-rules.ts';
import { MemoryEngine, type MemoryEngineOptions } from './engines/memory.ts';
import { UpstashEngine } from './engines/upstash.ts';

/**
 * Makes the engine that fits the target. Replies at once: an engine connects in the background, and says in `status`
 * whether it is connected.
 *
 * @throws OptionInvalidError naming the option that is not allowed
 * @throws UnsupportedError for an Upstash target where `@upstash/redis` is not installed
 */
export function createEngine(options: EngineOptions): RedisEngine {
  checkEngineOptions(options);
  const { target } = options;
  switch (target.kind) {
    case 'memory':
      return new MemoryEngine({ name: options.name, ...withoutKind(target) });
    case 'standalone':
    case 'sentinel':
      return new IoredisEngine(options);
    case 'cluster':
      return new ClusterEngine(options);
    case 'upstash':
      return new UpstashEngine({ ...options, target });
  }
}

function withoutKind({ kind: _kind, ...options }: MemoryTarget): MemoryEngineOptions {
  return options;
}
