import type { RedisQueueBackend } from 'bullmq';
import { bullmqScript } from './bullmq-inside.ts';
import { QueueUnavailableError } from '../job/errors.ts';
import type { JobState } from '../job/job-view.ts';
import { loadLua } from './lua.ts';
import type { Marker, NewJob, Once } from '../job/new-job.ts';
import { addKeys, addScriptOf, addScripts, jobArguments } from './job-arguments.ts';
import type { AddReply } from '../port/stored-job.ts';
import { onceKeyPrefix } from './queue-keys.ts';
import type { RedisClient } from './connection-watch.ts';
import type { DeadlineClock } from './deadline-clock.ts';

const commandName = 'holdfast:guardedAdd';
const script = loadLua('guarded-add', ['server-time', 'job-state']);

/**
 * Adds through BullMQ's own scripts, wrapped (see lua/guarded-add.lua) so that they cannot run after their deadline and
 * say which jobs existed. One command and one round trip for any number of jobs.
 */
export class GuardedAdd {
  readonly #clock: DeadlineClock;

  constructor(clock: DeadlineClock) {
    this.#clock = clock;
  }

  /**
   * @param deadline by our clock, milliseconds since the epoch
   * @param shared see `QueueHandle.addMany`
   * @returns a reply per job, in their order
   * @throws QueueUnavailableError when Redis got to it too late. Other errors as ioredis throws them.
   */
  async run(
    client: RedisClient,
    backend: RedisQueueBackend,
    jobs: readonly NewJob[],
    deadline: number,
    shared?: Once,
  ): Promise<AddReply[]> {
    for (let attempt = 1; ; attempt += 1) {
      const replies = await this.#send(client, backend, jobs, deadline, shared);
      if (replies !== 'late') return replies;
      // Either the command was really held up, or the clock of Redis jumped: the reply brought the new time with it.
      if (attempt === 2 || Date.now() >= deadline) {
        throw new QueueUnavailableError('Redis got to the add too late; nothing was added.');
      }
    }
  }

  async #send(
    client: RedisClient,
    backend: RedisQueueBackend,
    jobs: readonly NewJob[],
    deadline: number,
    shared: Once | undefined,
  ): Promise<AddReply[] | 'late'> {
    const keys = addKeys(backend);
    // Only the keys of the scripts that are run: the arguments of a lone job are most of what it costs.
    const used = new Set(jobs.map(({ options }) => addScriptOf(options)));
    const [prioritized, delayed] = addScripts.map((name) => (used.has(name) ? keys[name] : []));
    const usedKeys = [...(prioritized ?? []), ...(delayed ?? [])];
    const latest = await this.#clock.at(deadline, client);
    const sentAt = Date.now();
    const reply: unknown = await client.runCommand(commandFor(client, usedKeys.length), [
      ...usedKeys,
      `${latest}`,
      `${prioritized?.length}`,
      backend.toKey(''),
      onceKeyPrefix((part) => backend.toKey(part)),
      toText(shared),
      ...jobArguments(jobs, ({ once }) => toText(once)),
    ]);
    const [now, outcome, ...others] = reply as string[];
    this.#clock.learn(Number(now), sentAt);
    return outcome === 'late' ? 'late' : toReplies(jobs, others);
  }
}

function toText(marker: Marker | undefined): string {
  if (marker === undefined) return '';
  const { ttlMs, token, place } = marker;
  return place === undefined ? `${ttlMs} ${token}` : `${ttlMs} ${token} ${place}`;
}

/** @param others place, outcome, id and state of each job that was not simply added */
function toReplies(jobs: readonly NewJob[], others: readonly string[]): AddReply[] {
  const replies = jobs.map(({ id, options }): AddReply => {
    return { outcome: 'added', id, state: addScriptOf(options) === 'addDelayedJob' ? 'delayed' : 'prioritized' };
  });
  for (let at = 0; at < others.length; at += 4) {
    const [place, outcome, id = '', state] = others.slice(at, at + 4);
    replies[Number(place) - 1] =
      outcome === 'existed' ? { outcome, id, state: state as JobState } : { outcome: 'error', message: id };
  }
  return replies;
}

/** The connections that know the script, and for how many keys. */
const defined = new WeakMap<RedisClient, Set<number>>();

/**
 * The name of the command for so many keys. It is registered on a connection when that first needs it, around the texts
 * of BullMQ.
 */
function commandFor(client: RedisClient, numberOfKeys: number): string {
  const name = `${commandName}:${numberOfKeys}`;
  const known = defined.get(client) ?? new Set();
  if (known.has(numberOfKeys)) return name;
  // A function, because the text holds `$`.
  const lua = addScripts.reduce((text, inner) => text.replace(`--[[${inner}]]`, () => bullmqScript(inner).lua), script);
  client.defineCommand(name, { numberOfKeys, lua });
  defined.set(client, known.add(numberOfKeys));
  return name;
}
