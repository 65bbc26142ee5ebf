import type { JobJson, RedisQueueBackend } from 'bullmq';
import { QueueUnavailableError } from '../errors.ts';
import type { JobState } from '../job-view.ts';
import { loadLua } from '../lua.ts';
import type { Marker, Once } from './backend.ts';
import type { AddReply, StoredNewJob } from './stored-job.ts';
import { onceKeyPrefix } from './queue-keys.ts';
import type { RedisClient } from './redis-watch.ts';

const commandName = 'holdfast:guardedAdd';
const script = loadLua('guarded-add');
/** BullMQ's scripts inside ours, in the order of their keys. One for jobs without a priority is not needed. */
const scripts = ['addPrioritizedJob', 'addDelayedJob'] as const;
type ScriptName = (typeof scripts)[number];

/**
 * Adds through BullMQ's own scripts, wrapped (see lua/guarded-add.lua) so that they cannot run after their deadline and
 * say which jobs existed. One command and one round trip for any number of jobs.
 */
export class GuardedAdd {
  /** Redis' clock minus ours, milliseconds; learned from every reply. */
  #offsetMs: number | undefined;

  /**
   * @param deadline by our clock, milliseconds since the epoch
   * @param shared see `QueueHandle.addMany`
   * @returns a reply per job, in their order
   * @throws QueueUnavailableError when Redis got to it too late. Other errors as ioredis throws them.
   */
  async run(
    client: RedisClient,
    backend: RedisQueueBackend,
    jobs: readonly StoredNewJob[],
    deadline: number,
    shared?: Once,
  ): Promise<AddReply[]> {
    if (this.#offsetMs === undefined) await this.#measureClock(client);
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
    jobs: readonly StoredNewJob[],
    deadline: number,
    shared: Once | undefined,
  ): Promise<AddReply[] | 'late'> {
    const { commandFor, keyCounts } = defineCommands(client, backend);
    const keys: Record<ScriptName, readonly unknown[]> = { addPrioritizedJob: [], addDelayedJob: [] };
    const values: unknown[] = [];
    let before: unknown;
    for (const { id, json, once } of jobs) {
      const { name, args } = argumentsOf(backend, json, id);
      const count = keyCounts[name];
      if (keys[name].length === 0) keys[name] = args.slice(0, count);
      const kind = name === 'addDelayedJob' ? 'delayed' : 'prioritized';
      const [head, data, options] = args.slice(count);
      // They are the largest part of a small job, and jobs of one queue mostly have the same.
      values.push(kind, id, toText(once), head, data, isSame(options, before) ? '' : options);
      before = options;
    }
    // Only the keys of the scripts that are run: the arguments of a lone job are most of what it costs.
    const used = [...keys.addPrioritizedJob, ...keys.addDelayedJob];
    const sentAt = Date.now();
    const reply: unknown = await client.runCommand(commandFor(used.length), [
      ...used,
      Math.floor(deadline + (this.#offsetMs ?? 0)),
      keys.addPrioritizedJob.length,
      backend.toKey(''),
      onceKeyPrefix((part) => backend.toKey(part)),
      toText(shared),
      ...values,
    ]);
    const [now, ...outcomes] = reply as string[];
    this.#learn(Number(now), sentAt);
    return outcomes.length === 0
      ? 'late'
      : jobs.map((_job, index) => toReply(outcomes.slice(index * 3, index * 3 + 3)));
  }

  async #measureClock(client: RedisClient): Promise<void> {
    const sentAt = Date.now();
    const [seconds, microseconds] = await (client as unknown as { time(): Promise<[string, string]> }).time();
    this.#learn(Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000), sentAt);
  }

  /** A reply that took long says little about the clock, so only quick ones, or the first, are believed. */
  #learn(redisNow: number, sentAt: number): void {
    const receivedAt = Date.now();
    const uncertain = receivedAt - sentAt > 1000;
    if (uncertain && this.#offsetMs !== undefined) return;
    this.#offsetMs = redisNow - (sentAt + receivedAt) / 2;
  }
}

function toText(marker: Marker | undefined): string {
  if (marker === undefined) return '';
  const { ttlMs, token, place } = marker;
  return place === undefined ? `${ttlMs} ${token}` : `${ttlMs} ${token} ${place}`;
}

function isSame(packed: unknown, before: unknown): boolean {
  return Buffer.isBuffer(packed) && Buffer.isBuffer(before) && packed.equals(before);
}

function toReply([outcome, id = '', state]: readonly string[]): AddReply {
  if (outcome === 'added' || outcome === 'existed') return { outcome, id, state: state as JobState };
  return { outcome: 'error', message: id };
}

/** The script that BullMQ would run for this job, and the keys and arguments that it would give it. */
function argumentsOf(
  backend: RedisQueueBackend,
  json: JobJson,
  id: string,
): { readonly name: ScriptName; readonly args: readonly unknown[] } {
  let called: { readonly name: string; readonly args: readonly unknown[] } | undefined;
  // BullMQ hands its script to a connection; this one only notes what it is handed, before the call returns.
  const recorder = {
    runCommand: async (name: string, args: readonly unknown[]): Promise<string> => {
      called = { name, args };
      return id;
    },
  };
  void backend.addJobToTransaction(recorder as unknown as RedisClient, json, id);
  const name = scripts.find((known) => called?.name.startsWith(`${known}:`));
  if (called === undefined || name === undefined) throw new Error(`BullMQ adds the job ${id} in an unknown way.`);
  return { name, args: called.args };
}

interface DefinedCommands {
  /** The name of the command for so many keys; the script is the same. */
  readonly commandFor: (keys: number) => string;
  readonly keyCounts: Readonly<Record<ScriptName, number>>;
}

const defined = new WeakMap<RedisClient, DefinedCommands>();

/** Registers the script on this connection, once, around the texts that BullMQ registered: so upgrades are followed. */
function defineCommands(client: RedisClient, backend: RedisQueueBackend): DefinedCommands {
  const existing = defined.get(client);
  if (existing !== undefined) return existing;
  const registry = (client as unknown as { scriptsSet: Record<string, { lua: string; numberOfKeys: number }> })
    .scriptsSet;
  const { version } = backend as unknown as { version: string };
  let lua = script;
  const keyCounts = { addPrioritizedJob: 0, addDelayedJob: 0 };
  for (const name of scripts) {
    const original = registry[`${name}:${version}`];
    if (original === undefined) throw new Error(`BullMQ has no script "${name}" on this connection.`);
    keyCounts[name] = original.numberOfKeys;
    // A function, because the text holds `$`.
    lua = lua.replace(`--[[${name}]]`, () => original.lua);
  }
  const { addPrioritizedJob, addDelayedJob } = keyCounts;
  const commandFor = (keys: number): string => `${commandName}:${keys}`;
  for (const numberOfKeys of [addPrioritizedJob, addDelayedJob, addPrioritizedJob + addDelayedJob]) {
    client.defineCommand(commandFor(numberOfKeys), { numberOfKeys, lua });
  }
  const commands = { commandFor, keyCounts };
  defined.set(client, commands);
  return commands;
}
