import type { EngineOptions } from './connection.ts';
import type { RedisEngine } from './engine.ts';
import { ClusterEngine } from './engines/cluster.ts';
import { IoredisEngine } from './engines/ioredis.ts';
import { MemoryEngine } from './engines/memory.ts';
import { UpstashEngine } from './engines/upstash.ts';

/**
 * Makes the engine that fits the target. Replies at once: an engine connects in the background, and says in `status`
 * whether it is connected.
 *
 * @throws UnsupportedError for an Upstash target where `@upstash/redis` is not installed
 */
export function createEngine(options: EngineOptions): RedisEngine {
  const { target } = options;
  switch (target.kind) {
    case 'memory':
      return new MemoryEngine({ name: options.name, ...target });
    case 'standalone':
    case 'sentinel':
      return new IoredisEngine(options);
    case 'cluster':
      return new ClusterEngine(options);
    case 'upstash':
      return new UpstashEngine({ ...options, target });
  }
}
