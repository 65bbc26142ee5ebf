import type { RedisQueueBackend } from 'bullmq';
import { bullmqScript, type BullmqScript, ignoreTimeOfMarkers, replaceScript } from './bullmq-inside.ts';
import { loadLua } from './lua.ts';

/** Where BullMQ's scripts are told the time by their caller: the place of that argument. */
const places = {
  moveToActive: 2,
  moveToFinished: 2,
  moveToDelayed: 2,
  moveToWaitingChildren: 3,
  retryJob: 2,
  changeDelay: 2,
  addJobScheduler: 7,
  updateJobScheduler: 5,
} as const;

/** By the name of the script that each is put around. */
const texts = new Map<string, BullmqScript>();

/** BullMQ's script of this name, told the time by the server. */
export function clocked(name: keyof typeof places): BullmqScript {
  const known = texts.get(name);
  if (known !== undefined) return known;
  const place = places[name];
  const { lua, numberOfKeys } = bullmqScript(name);
  // A function, because the text holds `$`.
  const around = loadLua('server-clock', ['server-time']).replaceAll('PLACE', String(place));
  const script = { numberOfKeys, lua: around.replace('--[[BULLMQ]]', () => lua) };
  texts.set(name, script);
  return script;
}

/**
 * Has BullMQ's scripts take the time from the server, on the connection of a new backend. BullMQ passes them the clock of
 * its process: a worker whose clock is ahead would run delayed jobs early, and remove ended ones before their time; one
 * whose clock is behind would run them late.
 */
export function useServerClock(backend: RedisQueueBackend): RedisQueueBackend {
  for (const name of Object.keys(places) as (keyof typeof places)[]) replaceScript(backend, name, clocked(name));
  // A marker says when a delayed job is due by the clock of the server. Whoever took it asks at once, and is told by its own.
  ignoreTimeOfMarkers(backend);
  return backend;
}
