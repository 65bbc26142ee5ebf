import { FaultProxy, eventually, useRedis } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api } from './fixture.ts';
import { listen } from './raw-http.ts';

const keys = ['a', 'b', 'c'];
const sizes = [20_000, 150_000, 160_000, 700_000];

/** Every piece of it says whose it is, so that memory of two bodies, or of a head, is told from that of one. */
function bodyOf(key: string, nth: number): Buffer {
  return Buffer.alloc(sizes[nth % sizes.length] ?? 0, `${key}:${nth};`);
}

/** Writers of the same and of other keys, and readers of all, over sockets. */
async function exchange(origin: string, first: number, rounds: number): Promise<number> {
  let reads = 0;
  const url = (key: string): string => `${origin}/v1/cache/prompts/body-${key}`;
  const write = async (key: string, nth: number): Promise<void> => {
    const body = new Uint8Array(bodyOf(key, nth));
    const query = nth % 3 === 0 ? '?tags=t' : '';
    const answer = await fetch(`${url(key)}${query}`, {
      method: 'PUT',
      body,
      headers: { 'content-type': 'application/octet-stream', ...(nth % 7 === 0 && { 'if-none-match': '*' }) },
    });
    await answer.arrayBuffer();
  };
  const read = async (key: string): Promise<void> => {
    const answer = await fetch(url(key));
    const body = Buffer.from(await answer.arrayBuffer());
    if (answer.status !== 200) return;
    const nth = Number(/^\w:(\d+);/.exec(body.toString('latin1', 0, 20))?.[1]);
    expect(body.equals(bodyOf(key, nth)), `${key} ${nth}`).toBe(true);
    reads += 1;
  };
  for (let round = 0; round < rounds; round += 1) {
    const nth = first + round * 3;
    await Promise.all(
      keys.flatMap((key) => [write(key, nth), read(key), write(key, nth + 1), read(key), write(key, nth + 2)]),
    );
    await Promise.all(keys.map((key) => read(key)));
  }
  return reads;
}

describe('bodies of concurrent writes never mix', () => {
  const withApi = async (api: Api, use: (origin: string) => Promise<void>): Promise<void> => {
    try {
      await use(`http://127.0.0.1:${await listen(api)}`);
    } finally {
      await api.close();
    }
  };

  it('in the memory of the process', async () => {
    await withApi(await startApi({ engine: 'memory' }), async (origin) => {
      expect(await exchange(origin, 0, 6)).toBeGreaterThan(15);
    });
  });

  it('in Redis, also when it stops in the middle and goes on, with the fallback meanwhile', async () => {
    const redis = useRedis();
    const proxy = await FaultProxy.listen(redis);
    try {
      const api = await startApi({ env: { REDIS_URL: `${proxy.url}/${redis.db}` } });
      await withApi(api, async (origin) => {
        const { caches } = api.runtime.parts.cache;
        await eventually(() => expect(caches.isOnFallback).toBe(false));
        expect(await exchange(origin, 0, 4)).toBeGreaterThan(9);
        for (const stop of ['blackhole', 'drop'] as const) {
          const under = exchange(origin, 1000, 4);
          proxy[stop]();
          await under;
          await eventually(() => expect(caches.isOnFallback).toBe(true));
          await exchange(origin, 2000, 2);
          const back = exchange(origin, 3000, 4);
          proxy.pass();
          await back;
          await eventually(() => expect(caches.isOnFallback).toBe(false));
          expect(await exchange(origin, 4000, 4)).toBeGreaterThan(9);
        }
      });
    } finally {
      await proxy.close();
    }
  });
});
