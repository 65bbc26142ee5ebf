import type { IRedisClient, RedisConnection, RedisQueueBackend } from 'bullmq';

interface RedisVersion {
  readonly version: string;
  readonly databaseType: 'redis' | 'valkey' | 'dragonfly';
}

/**
 * Has the connections of a new backend learn which Redis they have in silence. BullMQ asks for it along with its opinion on
 * the version and the eviction policy, which it writes to the console: past the log of whoever uses this package, and once a
 * queue. Its `skipVersionCheck` alone would make it take any Redis for one of version 5, which blocks for whole seconds and
 * is late for delayed jobs.
 */
export function learnVersionSilently(backend: RedisQueueBackend): RedisQueueBackend {
  for (const connection of [backend.connection, backend.blockingConnection]) {
    if (connection === undefined) continue;
    // Both are private; the constructor has not come to either yet, since it waits for the connection before.
    Object.defineProperties(connection, {
      skipVersionCheck: { value: true },
      getRedisVersionAndType: { value: async () => readVersion(connection) },
    });
  }
  return backend;
}

async function readVersion(connection: RedisConnection): Promise<RedisVersion> {
  // Its public `client` resolves only after this.
  const { _client: client } = connection as unknown as { readonly _client: IRedisClient };
  const info = await client.info();
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.+?)\\r?$`, 'm').exec(info)?.[1];
  const [dragonfly, valkey, redis] = [field('dragonfly_version'), field('valkey_version'), field('redis_version')];
  if (dragonfly !== undefined) return { version: dragonfly.replace(/^[^\d]*/, ''), databaseType: 'dragonfly' };
  if (valkey !== undefined) return { version: valkey, databaseType: 'valkey' };
  // One that hides its version is taken for one that can do little.
  return { version: redis ?? '5.0.0', databaseType: 'redis' };
}
