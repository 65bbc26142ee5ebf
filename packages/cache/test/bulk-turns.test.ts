import { createKeys, MemoryEngine } from '@holdfast/redis-core';
import { Cache } from '@holdfast/cache';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** An engine in memory answers at once: without a turn in between, nothing else would run until all is done. */
describe('many entries in memory', () => {
  let engine: MemoryEngine;
  let cache: Cache;
  beforeAll(() => {
    engine = new MemoryEngine();
    cache = new Cache({ engine, keys: createKeys('turns'), namespace: 'many', ttlMs: 60_000 });
  });
  afterAll(() => engine.close());

  async function turnsWhile(work: () => Promise<unknown>): Promise<number> {
    let turns = 0;
    let isDone = false;
    const turn = (): void => {
      turns += 1;
      if (!isDone) setImmediate(turn);
    };
    setImmediate(turn);
    await work();
    isDone = true;
    return turns;
  }
  const keys = Array.from({ length: 10_000 }, (_, n) => `key-${n}`);

  it.each([
    [
      'are written',
      () => cache.writeMany(keys.map((key) => ({ key, body: Buffer.from('1'), contentType: 'text/plain' }))),
    ],
    ['are removed', () => cache.deleteMany(keys)],
    ['are refused', () => cache.deleteMany(keys.map(() => ''))],
  ])('leave others their turn while they %s', async (_what, work) => {
    expect(await turnsWhile(work)).toBeGreaterThanOrEqual(4);
  });
});
