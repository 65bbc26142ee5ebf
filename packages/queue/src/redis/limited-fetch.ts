import { rateLogLua } from '@holdfast/redis-core';
import type { RedisQueueBackend } from 'bullmq';
import type { RateLimit } from '../job/define-queue.ts';
import { replaceFetch, type BullmqScript } from './bullmq-inside.ts';
import { loadLua } from './lua.ts';
import { clocked } from './server-clock.ts';

const name = 'holdfast:limited-fetch';
let script: BullmqScript | undefined;

/** Has a new backend take a job only where so many have not started yet, over all workers, in any span of that length. */
export function limitFetches(backend: RedisQueueBackend, { max, durationMs }: RateLimit): RedisQueueBackend {
  return replaceFetch(backend, async (client, all) => {
    if (!(name in client)) client.defineCommand(name, (script ??= readScript()));
    return client.runCommand(name, [...all, max, durationMs]);
  });
}

/** BullMQ's own limiter counts in windows, each of which begins with its first start: around their edge twice as many start. */
function readScript(): BullmqScript {
  const { lua, numberOfKeys } = clocked('moveToActive');
  // A function, because the text holds `$`.
  const around = loadLua('limited-fetch', ['server-time']).replace('--[[BULLMQ]]', () => lua);
  return { numberOfKeys, lua: rateLogLua + around };
}
