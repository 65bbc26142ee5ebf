import { isCommandRefused } from '@holdfast/redis-core';
import type { RedisQueueBackend } from 'bullmq';
import { loadLua } from './lua.ts';
import type { QueueReading } from '../job/summary.ts';
import type { RedisClient } from './connection-watch.ts';

const commandName = 'holdfast:queueReading';
const script = loadLua('queue-reading', ['server-time']);

/** Counts, age and workers of a queue in two commands: one script, one CLIENT LIST. */
export async function readQueue(client: RedisClient, backend: RedisQueueBackend): Promise<QueueReading> {
  if (!(commandName in client)) client.defineCommand(commandName, { numberOfKeys: 1, lua: script });
  const [reply, clients] = await Promise.all([
    client.runCommand(commandName, [backend.toKey('')]) as Promise<(string | number)[]>,
    clientLists(backend),
  ]);
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
    // In a cluster a worker is connected to several nodes, to one of them for sure.
    workers:
      clients === undefined
        ? number(10)
        : Math.max(0, ...clients.map((list) => countWorkers(list, backend.clientName()))),
  };
}

/** Of each node; `undefined` where it is refused, so that only the workers that Holdfast runs are known: by their heartbeats. */
async function clientLists(backend: RedisQueueBackend): Promise<readonly string[] | undefined> {
  try {
    return await backend.getClientList();
  } catch (error) {
    if (isCommandRefused(error)) return undefined;
    throw error;
  }
}

/** BullMQ names the blocking connection of a worker; a worker with a name of its own has `:w:<name>` behind it. */
function countWorkers(clients: string, name: string): number {
  return clients.split('\n').filter((line) => {
    const own = / name=(\S*)/.exec(line)?.[1] ?? '';
    return own === name || own.startsWith(`${name}:w:`);
  }).length;
}
