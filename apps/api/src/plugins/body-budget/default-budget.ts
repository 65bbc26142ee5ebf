import { getHeapStatistics } from 'node:v8';
import type { BaseConfig } from '@holdfast/config';
import { memoryLimit } from '@holdfast/redis-core';

/** In embedded mode cache, database and jobs are in the process as well. */
const shareOf: Readonly<Record<BaseConfig['mode'], number>> = { redis: 3 / 8, upstash: 3 / 8, embedded: 1 / 4 };
/** What is made of JSON is on the heap, which is smaller than a container. */
const shareOfHeap = 3 / 4;

/** What `BODY_BUDGET` is where it is not set: a part of what this process may take. */
export function defaultBudgetBytes(mode: BaseConfig['mode']): number {
  return Math.floor(Math.min(shareOf[mode] * memoryLimit(), shareOfHeap * getHeapStatistics().heap_size_limit));
}
