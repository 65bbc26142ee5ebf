import { CacheRegistry } from '@holdfast/cache';
import { createEngine, createKeys } from '@holdfast/redis-core';
import { monitor, startRedis } from '@holdfast/testing';
import { valueOf } from './value.ts';

/**
 * How many commands does it cost to ask for sizes, to count accesses, and to handle many keys? Before: as one would write
 * it, one command for each. After: the cache. Counted by MONITOR.
 */
const SIZE_CHECKS = 1000;
const READS = 5000;
const KEYS = 1000;

const server = await startRedis();
const { host, port } = server;
const engine = createEngine({ name: 'claims', target: { kind: 'standalone', host, port }, probeIntervalMs: 0 });
await engine.time();
const registry = new CacheRegistry({ engine, keys: createKeys('claims'), namespaces: { ns: { ttlMs: 600_000 } } });
const cache = registry.get('ns');
const keys = Array.from({ length: KEYS }, (_, index) => `k${index}`);
const items = keys.map((key, index) => ({ key, value: valueOf(index) }));
await cache.setMany(items);
await cache.getMany(keys);
const seen = await monitor(server.url);

async function count(act: () => Promise<unknown>): Promise<number> {
  await seen.settle();
  seen.reset();
  await act();
  await seen.settle();
  // Heartbeats are there whether anything is done or not.
  return seen.commands().filter(([name]) => !['ping', 'time', 'info'].includes((name ?? '').toLowerCase())).length;
}

async function repeat(times: number, act: (index: number) => Promise<unknown>): Promise<void> {
  for (let index = 0; index < times; index += 1) await act(index);
}

const rows: [what: string, before: number, after: number][] = [
  [
    `${SIZE_CHECKS} size checks`,
    await count(() => repeat(SIZE_CHECKS, () => engine.scan({ prefix: 'claims:cache:ns:', count: 2 * KEYS }))),
    await count(() => repeat(SIZE_CHECKS, () => cache.size())),
  ],
  [
    `access writes of ${READS} reads of 50 keys`,
    await count(() => repeat(READS, (index) => engine.hincrby('claims:before', `k${index % 50}`, 1))),
    await count(async () => {
      await repeat(READS, (index) => cache.get(`k${index % 50}`));
      await registry.close(); // writes what was counted
    }),
  ],
];
const again = new CacheRegistry({ engine, keys: createKeys('claims'), namespaces: { ns: { ttlMs: 600_000 } } });
const bulk = again.get('ns');
const body = JSON.stringify(valueOf(0));
rows.push(
  [
    `bulk: ${KEYS} writes`,
    await count(() => Promise.all(keys.map((key) => engine.set(`claims:before:${key}`, body, { pxMs: 600_000 })))),
    await count(() => bulk.setMany(items)),
  ],
  [
    `bulk: ${KEYS} reads`,
    await count(() => Promise.all(keys.map((key) => engine.get(`claims:before:${key}`)))),
    await count(() => bulk.getMany(keys)),
  ],
  [
    `bulk: ${KEYS} deletes`,
    await count(() => Promise.all(keys.map((key) => engine.del([`claims:before:${key}`])))),
    await count(() => bulk.deleteMany(keys)),
  ],
);
console.log('\n| commands for | before | after | less by |\n|---|---:|---:|---:|');
for (const [what, before, after] of rows) {
  console.log(`| ${what} | ${before} | ${after} | ${((1 - after / before) * 100).toFixed(1)} % |`);
}
await again.close();
await seen.stop();
await engine.close();
await server.stop();
