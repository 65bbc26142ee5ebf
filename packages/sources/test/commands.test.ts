import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { monitor, startRedis } from '@holdfast/testing';
import type { Monitor, RedisServer } from '@holdfast/testing';
import { pagesOf, startHttp } from './http-fixture.ts';
import { openMirror } from './mirror-fixture.ts';

let redis: RedisServer;
let seen: Monitor;
beforeAll(async () => {
  redis = await startRedis();
  seen = await monitor(redis.url);
});
afterAll(async () => {
  await seen.stop();
  await redis.stop();
});

/** What sets a connection up, and what watches it; everything else is data. */
const connection = new Set(['hello', 'client', 'select', 'ping', 'info', 'command', 'subscribe', 'auth']);

async function dataCommands(work: () => Promise<unknown>): Promise<string[]> {
  await seen.settle();
  seen.reset();
  await work();
  await seen.settle();
  return seen
    .commands()
    .map(([name = '']) => name.toLowerCase())
    .filter((name) => !connection.has(name));
}

const items = (from: number, to: number, size = 1): object[] =>
  Array.from({ length: to - from }, (_, index) => ({ id: `item-${from + index}`, size, text: 'x'.repeat(200) }));

describe('a sync of 500 items', () => {
  it('costs at most 20 Redis commands: new, changed, unchanged, or with 50 to remove', async () => {
    let list = items(0, 500);
    const { url } = await startHttp(pagesOf(() => list));
    const { mirror, engine } = openMirror({
      url,
      target: { kind: 'standalone', host: redis.host, port: redis.port },
      source: { pagination: { kind: 'page', pageParam: 'page', sizeParam: 'size', size: 100, totalField: 'total' } },
    });
    await engine.mget(['warm']);
    const figures: Record<string, { seen: string[]; reported: number }> = {};
    const measure = async (name: string): Promise<void> => {
      let reported = 0;
      const commands = await dataCommands(async () => {
        ({ commands: reported } = await mirror.sync());
      });
      figures[name] = { seen: commands, reported };
    };

    await measure('new');
    await measure('unchanged');
    list = items(0, 500, 2);
    await measure('changed');
    list = items(50, 550, 2);
    await measure('removed');

    const counts = Object.fromEntries(Object.entries(figures).map(([name, { seen }]) => [name, seen.length]));
    expect(counts).toEqual({ new: expect.any(Number), unchanged: 14, changed: 14, removed: 18 });
    for (const [name, { seen, reported }] of Object.entries(figures)) {
      expect(seen.length, name).toBeLessThanOrEqual(20);
      // The first run of a script on a server may be sent twice, once with its text.
      if (name !== 'new') expect(reported, name).toBe(seen.length);
    }
  });
});

describe('reading', () => {
  it('costs one command for an item and two for a page', async () => {
    const { url } = await startHttp(pagesOf(() => items(0, 10)));
    const { mirror } = openMirror({ url, target: { kind: 'standalone', host: redis.host, port: redis.port } });
    await mirror.sync();
    expect(await dataCommands(async () => mirror.item('item-3'))).toHaveLength(1);
    expect(await dataCommands(async () => mirror.items({ limit: 1_000 }))).toHaveLength(2);
    expect(await dataCommands(async () => mirror.state())).toHaveLength(2);
  });
});
