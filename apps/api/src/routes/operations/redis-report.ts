import { isDeepStrictEqual } from 'node:util';
import type { BaseConfig } from '@holdfast/config';
import type { RedisMetrics, RedisReport } from '@holdfast/contract';
import { type RedisEngine, summarizeInfo } from '@holdfast/redis-core';
import { countKeyspace, type KeyspaceLimits } from './keyspace.ts';

/** A count that ends here holds no request for long, and takes little of Redis even when it is asked for often. */
const limits: KeyspaceLimits = { maxKeys: 500_000, maxMs: 1500 };

/** What `/api/admin/redis/metrics` says: of the Redis of the cache and, where that is another one, of the durable one. */
export async function redisReport(
  engines: { readonly cache: RedisEngine; readonly durable: RedisEngine },
  { cache, durable, keyPrefix }: BaseConfig['redis'],
): Promise<RedisReport['data']> {
  const isShared = isDeepStrictEqual(cache.target, durable.target) && engines.cache.kind !== 'memory';
  const [metrics, other] = await Promise.all([
    read(engines.cache, keyPrefix),
    isShared ? undefined : read(engines.durable, keyPrefix),
  ]);
  return { metrics, ...(other === undefined ? {} : { durable: other }) };
}

/** A user may be forbidden INFO, and have all that the service needs: then nothing of it is known. */
async function infoOf(engine: RedisEngine): Promise<Readonly<Record<string, string>>> {
  try {
    return await engine.info();
  } catch (error) {
    if (engine.status.limits?.some(({ kind }) => kind === 'info') === true) return {};
    throw error;
  }
}

async function read(engine: RedisEngine, keyPrefix: string): Promise<RedisMetrics> {
  const summary = summarizeInfo(await infoOf(engine));
  const { areas, complete } = await countKeyspace(engine, keyPrefix, limits);
  return { ...summary, keyspace: areas, keyspaceComplete: complete };
}
