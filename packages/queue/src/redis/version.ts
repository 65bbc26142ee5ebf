import { bearRefusedInfo, isCommandRefused } from '@holdfast/redis-core';
import type { IRedisClient, RedisConnection, RedisQueueBackend } from 'bullmq';
import { clientOf, connectionsOf, replaceVersionCheck } from './bullmq-inside.ts';

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
  for (const connection of connectionsOf(backend)) {
    replaceVersionCheck(connection, async () => readVersion(connection));
  }
  return backend;
}

async function readVersion(connection: RedisConnection): Promise<RedisVersion> {
  const client = clientOf(connection);
  // '' where it is refused, see `bearRefusedInfo`.
  const info = (await client.info()) || (await versionOfHello(client));
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.+?)\\r?$`, 'm').exec(info)?.[1];
  const [dragonfly, valkey, redis] = [field('dragonfly_version'), field('valkey_version'), field('redis_version')];
  if (dragonfly !== undefined) return { version: dragonfly.replace(/^[^\d]*/, ''), databaseType: 'dragonfly' };
  if (valkey !== undefined) return { version: valkey, databaseType: 'valkey' };
  // One that hides its version is taken for one that can do little.
  return { version: redis ?? '5.0.0', databaseType: 'redis' };
}

/** Where INFO is refused: what the server says of itself when it is greeted, in the form of INFO. */
async function versionOfHello(client: IRedisClient): Promise<string> {
  try {
    const hello = await (client as unknown as { hello(): Promise<readonly unknown[]> }).hello();
    const field = (name: string): string => String(hello[hello.indexOf(name) + 1]);
    return `${field('server')}_version:${field('version')}\r\n`;
  } catch (error) {
    if (isCommandRefused(error)) return '';
    throw error;
  }
}

/** Has the connections of a new backend bear a Redis that refuses INFO; replies the backend. */
export function bearRefusals(backend: RedisQueueBackend): RedisQueueBackend {
  // It is asked as soon as it is connected.
  for (const connection of connectionsOf(backend)) bearRefusedInfo(clientOf(connection));
  return backend;
}
