import { Redis } from 'ioredis';
import type { Amounts } from './reading.ts';

/** What a Redis holds: connections, and keys that never expire, by the area that they belong to. */
export async function readRedis(url: string): Promise<Amounts> {
  const redis = new Redis(url, { maxRetriesPerRequest: 1 });
  try {
    const lasting = new Map<string, number>();
    for await (const page of redis.scanStream({ count: 1000 }) as AsyncIterable<string[]>) {
      const ttls = (await redis.pipeline(page.map((key) => ['pttl', key])).exec()) ?? [];
      for (const [at, [, ttl]] of ttls.entries()) {
        if (ttl !== -1) continue;
        const area = `keys of ${areaOf(page[at] ?? '')}`;
        lasting.set(area, (lasting.get(area) ?? 0) + 1);
      }
    }
    const clients = /connected_clients:(\d+)/.exec(await redis.info('clients'))?.[1];
    return { connections: Number(clients) - 1, ...Object.fromEntries(lasting) };
  } finally {
    redis.disconnect();
  }
}

/** A key without what is one of many: ids, names of callers, numbers of buckets. */
export function areaOf(key: string): string {
  const [, queue, rest] = /^[^:]+:jobs:\{([^}]+)\}:\1:(.+)$/.exec(key) ?? [];
  if (queue !== undefined && rest !== undefined) {
    const [first = '', ...more] = rest.split(':');
    const known =
      /^(?:wait|active|paused|prioritized|delayed|completed|failed|repeat|events|meta|id|marker|pc|stalled|stalled-check|schedules|once|de|dn|hf|holdfast|waiting-children|limiter)$/;
    const what = known.test(first) ? first : ['<job>', ...more].join(':');
    return `jobs:${queue}:${what}`;
  }
  return key.split(':').slice(1, 3).join(':');
}
