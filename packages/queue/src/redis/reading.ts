import type { Queue } from 'bullmq';
import { loadLua } from './lua.ts';
import type { QueueReading } from '../job/summary.ts';
import type { RedisClient } from './connection-watch.ts';

const commandName = 'holdfast:queueReading';
const script = loadLua('queue-reading', ['server-time']);

/**
 * Counts, age and workers of a queue in one command.
 *
 * @param home what the keys begin with that tell of its workers: see `lua/worker-beat.lua`
 */
export async function readQueue(
  client: RedisClient,
  queue: Queue<unknown, unknown>,
  home: string,
): Promise<QueueReading> {
  if (!(commandName in client)) client.defineCommand(commandName, { numberOfKeys: 2, lua: script });
  const reply = (await client.runCommand(commandName, [queue.getBackend().toKey(''), home, queue.name])) as (
    | string
    | number
  )[];
  const number = (index: number): number => Number(reply[index] ?? 0);
  const since = reply[8];
  return {
    paused: number(0) === 1,
    counts: {
      waiting: number(1),
      prioritized: number(2),
      active: number(3),
      delayed: number(4),
      completed: number(5),
      failed: number(6),
      waitingChildren: number(7),
    },
    oldestWaitingAgeMs: since === '' || since === undefined ? 0 : Math.max(0, number(9) - Number(since)),
    workers: number(10),
  };
}
