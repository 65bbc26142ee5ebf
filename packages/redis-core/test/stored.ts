import { eventually } from '@holdfast/testing';
import { expect } from 'vitest';
import type { RedisEngine } from '../src/index.ts';

/**
 * Sets `keys`, and resolves when Redis has acknowledged each of them. A batch settles each operation by itself: on a busy
 * machine the first connection to a node may take longer than the deadline, and what was meant for that node has failed.
 */
export async function stored(engine: RedisEngine, keys: readonly string[]): Promise<Set<string>> {
  await eventually(async () => {
    const results = await engine.batch(keys.map((key) => ({ op: 'set', key, value: key })));
    expect(results.filter(({ ok }) => !ok)).toEqual([]);
  });
  return new Set(keys);
}
