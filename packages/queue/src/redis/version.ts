import { bearRefusedInfo, isCommandRefused } from '@holdfast/redis-core';
import type { RedisQueueBackend } from 'bullmq';
import { clientOf, connectionsOf, replaceVersionCheck } from './bullmq-inside.ts';
import type { RedisClient } from './connection-watch.ts';

interface RedisVersion {
  readonly version: string;
  readonly databaseType: 'redis' | 'valkey' | 'dragonfly';
}

/** What is known of the Redis of one connection that many workers share: it is asked once for all of them. */
export class RedisVersions {
  readonly #client: RedisClient;
  #known: Promise<RedisVersion> | undefined;

  constructor(client: RedisClient) {
    this.#client = client;
  }

  async read(): Promise<RedisVersion> {
    this.#known ??= readVersion(this.#client);
    try {
      return await this.#known;
    } catch (error) {
      this.#known = undefined;
      throw error;
    }
  }
}

/**
 * Has the connections of a new backend learn which Redis they have in silence. BullMQ asks for it along with its opinion on
 * the version and the eviction policy, which it writes to the console: past the log of whoever uses this package, and once a
 * queue. Its `skipVersionCheck` alone would make it take any Redis for one of version 5, which blocks for whole seconds and
 * is late for delayed jobs.
 */
export function learnVersionSilently(backend: RedisQueueBackend, versions: RedisVersions): RedisQueueBackend {
  for (const connection of connectionsOf(backend)) {
    replaceVersionCheck(connection, async () => versions.read());
  }
  return backend;
}

async function readVersion(client: RedisClient): Promise<RedisVersion> {
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
async function versionOfHello(client: RedisClient): Promise<string> {
  try {
    const hello = await (client as unknown as { hello(): Promise<readonly unknown[]> }).hello();
    const field = (name: string): string => String(hello[hello.indexOf(name) + 1]);
    return `${field('server')}_version:${field('version')}\r\n`;
  } catch (error) {
    if (isCommandRefused(error)) return '';
    throw error;
  }
}

/** Has the connection of a new backend that blocks bear a Redis that refuses INFO; replies the backend. */
export function bearRefusals(backend: RedisQueueBackend): RedisQueueBackend {
  const connection = connectionsOf(backend).at(-1);
  // It is asked as soon as it is connected.
  if (connection !== undefined) bearRefusedInfo(clientOf(connection));
  return backend;
}
