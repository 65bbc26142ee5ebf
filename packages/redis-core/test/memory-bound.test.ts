import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { MemoryEngine } from '../src/index.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What this process holds on its heap and in its buffers. */
async function usedBytes(): Promise<number> {
  for (let round = 0; round < 3; round += 1) {
    collect();
    // Buffers are given back by a finalizer, in a turn of the event loop.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const kinds = {
  'members of a sorted set': (engine: MemoryEngine, index: number) =>
    engine.zadd('holdfast:access:recency:prompts', [{ member: `member-${index}`, score: index % 1000 }]),
  'fields of a hash': (engine: MemoryEngine, index: number) =>
    engine.hset('holdfast:source:state', { [`field-${index}`]: String(index) }),
};

test.each(Object.entries(kinds))('%s take about the memory that is counted for them', async (_what, add) => {
  const engine = new MemoryEngine({ maxBytes: 64 * 1024 * 1024 });
  const before = await usedBytes();
  for (let index = 0; index < 40_000; index += 1) await add(engine, index);
  const counted = Number((await engine.info())['used_memory']);
  const grown = (await usedBytes()) - before;
  expect(counted / grown).toBeGreaterThan(1 / 1.3);
  expect(counted / grown).toBeLessThan(1.3);
  await engine.close();
});

test.each([10, 1000, 20_000])('values of %i bytes take about the memory that is counted for them', async (size) => {
  const maxBytes = 8 * 1024 * 1024;
  const engine = new MemoryEngine({ maxBytes });
  const before = await usedBytes();
  // Twice its bound, and between other buffers, as the bodies of requests are.
  for (let written = 0; written < 2 * maxBytes; written += size + 400) {
    await engine.set(`holdfast:cache:prompts:${written}`, Buffer.from('x'.repeat(size)));
  }
  const counted = Number((await engine.info())['used_memory']);
  const grown = (await usedBytes()) - before;
  expect(counted).toBeGreaterThan(maxBytes * 0.9);
  expect(counted / grown).toBeGreaterThan(1 / 1.3);
  expect(counted / grown).toBeLessThan(1.3);
  await engine.close();
});
