// In JavaScript, since what it imports is there only after `installPeers`.
import KeyvRedis from '@keyv/redis';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisDriver } from 'bentocache/drivers/redis';
import { createCache } from 'cache-manager';
import { Redis } from 'ioredis';
import { Keyv } from 'keyv';

/** @type {import('./peers.d.mts').openBentocache} */
export function openBentocache({ host, port, l1 }) {
  const connection = new Redis({ host, port });
  const store = bentostore();
  if (l1) store.useL1Layer(memoryDriver({ maxSize: '64mb', maxItems: 100_000 }));
  store.useL2Layer(redisDriver({ connection, prefix: 'bento' }));
  const bento = new BentoCache({ default: 'c', ttl: '10m', stores: { c: store } });
  return {
    name: 'bentocache',
    get: (key) => bento.get({ key }),
    set: (key, value) => bento.set({ key, value }),
    getOrSet: (key, load) => bento.getOrSet({ key, factory: load }),
    setMany: (entries) => inSlices(entries, ([key, value]) => bento.set({ key, value })),
    getMany: (keys) => inSlices(keys, (key) => bento.get({ key })),
    deleteMany: (keys) => bento.deleteMany({ keys }),
    close: async () => {
      await bento.disconnectAll();
      connection.disconnect();
    },
  };
}

/** @type {import('./peers.d.mts').openCacheManager} */
export function openCacheManager({ host, port, l1 }) {
  const redis = new KeyvRedis(`redis://${host}:${port}`, { namespace: 'cm' });
  const far = new Keyv({ store: redis, namespace: 'cm', useKeyPrefix: false });
  const cache = createCache({ ttl: 600_000, stores: l1 ? [new Keyv(), far] : [far] });
  return {
    name: 'cache-manager + @keyv/redis',
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value),
    getOrSet: (key, load) => cache.wrap(key, load),
    setMany: (entries) => cache.mset(entries.map(([key, value]) => ({ key, value }))),
    getMany: (keys) => cache.mget([...keys]),
    deleteMany: (keys) => cache.mdel([...keys]),
    close: () => cache.disconnect(),
  };
}

/** For what has no bulk call of its own: 64 at a time. */
async function inSlices(items, act) {
  for (let at = 0; at < items.length; at += 64) await Promise.all(items.slice(at, at + 64).map(act));
}
