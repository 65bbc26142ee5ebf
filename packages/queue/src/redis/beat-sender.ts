/** Runs in the thread of the heartbeats: sends them to one Redis, over one connection of its own. */
import {
  createEngine,
  type EngineOptions,
  type RedisEngine,
  type Script,
  type ScriptReply,
} from '@holdfast/redis-core';
import type { BeatSender, SentBeat } from '../consuming/beat-protocol.ts';
import type { Beat, QueueBeat, QueueBeatReply } from '../port/beat.ts';
import { lockDurationMs } from '../port/consumer-tuning.ts';
import type { HeldJob } from '../port/worker-registry.ts';

export interface BeatSenderOptions {
  readonly engine: EngineOptions;
  /** `lua/worker-beat.lua` with the script of BullMQ's that it runs, and `lua/worker-leave.lua`. */
  readonly lua: { readonly beat: string; readonly leave: string };
  /** What the keys of the presences begin with. */
  readonly home: string;
}

const renewals = { none: 0, named: 1, all: 2 } as const;

export function openSender(options: unknown): BeatSender {
  return new RedisBeatSender(options as BeatSenderOptions);
}

class RedisBeatSender implements BeatSender {
  readonly #options: BeatSenderOptions;
  readonly #engine: RedisEngine;
  readonly #beat: Script;
  readonly #leave: Script;

  constructor(options: BeatSenderOptions) {
    this.#options = options;
    this.#engine = shareEngine(options.engine);
    this.#beat = script('worker-beat', options.lua.beat);
    this.#leave = script('worker-leave', options.lua.leave);
  }

  async beat(beat: Beat, link: string | undefined): Promise<SentBeat> {
    const { workerId, ttlMs, everything, renews, round, queues } = beat;
    const reply = await this.#engine.run(
      this.#beat,
      [this.#options.home, ...queues.map(({ prefix, name }) => `${prefix}:${name}:`)],
      [
        workerId,
        String(ttlMs),
        link ?? '',
        everything ? '1' : '0',
        String(lockDurationMs),
        String(renewals[renews]),
        String(round),
        ...queues.flatMap(({ name, crashLimit, lookedAt, held }) => [
          name,
          String(crashLimit),
          String(lookedAt),
          String(held.length),
          ...held.flatMap(({ id, token }) => [id, token]),
        ]),
      ],
    );
    const [since, due, healthy, ...replies] = listOf(reply);
    const dueMs = Number(due);
    return {
      link: textOf(since),
      reply: {
        dueMs: dueMs < 0 ? undefined : dueMs,
        healthyMs: Number(healthy),
        queues: queues.map((queue, at) => readQueue(queue, listOf(replies[at]))),
      },
    };
  }

  async leave(workerId: string, holdsJobs: boolean): Promise<void> {
    await this.#engine.run(this.#leave, [this.#options.home], [workerId, holdsJobs ? '1' : '0']);
  }

  async close(): Promise<void> {
    await releaseEngine(this.#engine);
  }
}

/** By their options: in a cluster each queue has beats of its own, over the same connections. */
const engines = new Map<string, { readonly engine: RedisEngine; users: number }>();

function shareEngine(options: EngineOptions): RedisEngine {
  const key = JSON.stringify(options);
  const shared = engines.get(key) ?? { engine: createEngine(options), users: 0 };
  shared.users += 1;
  engines.set(key, shared);
  return shared.engine;
}

async function releaseEngine(engine: RedisEngine): Promise<void> {
  for (const [key, shared] of engines) {
    if (shared.engine !== engine) continue;
    shared.users -= 1;
    if (shared.users > 0) return;
    engines.delete(key);
    await engine.close();
  }
}

/** Each beat says the same again, so that one whose answer was lost may be sent twice. */
function script(name: string, lua: string): Script {
  return {
    name,
    lua,
    idempotent: true,
    twin: () => {
      throw new Error('A queue in memory has no heartbeats.');
    },
  };
}

function readQueue({ held }: QueueBeat, reply: readonly ScriptReply[]): QueueBeatReply {
  const [superseded, cancelled, rescued, own, lookedAt] = reply;
  // A job may have ended since, and run again under another token: what was asked is what is answered.
  const tokens = new Map(held.map(({ id, token }) => [id, token]));
  const heldJob = (id: string): HeldJob => ({ id, token: tokens.get(id) ?? '' });
  return {
    lost: [],
    superseded: listOf(superseded).map((id) => heldJob(textOf(id))),
    cancelled: pairs(cancelled).map(([id, failure]) => ({ ...heldJob(id), failure })),
    rescued: pairs(rescued).map(([id, crashes]) => ({ id, crashes: Number(crashes) })),
    own: pairs(own).map(([id, token]) => ({ id, token })),
    lookedAt: Number(lookedAt),
  };
}

function listOf(reply: ScriptReply | undefined): readonly ScriptReply[] {
  return Array.isArray(reply) ? (reply as readonly ScriptReply[]) : [];
}

function textOf(reply: ScriptReply | undefined): string {
  return Buffer.isBuffer(reply) ? reply.toString() : String(reply ?? '');
}

function pairs(reply: ScriptReply | undefined): [string, string][] {
  const list = listOf(reply).map((item) => textOf(item));
  return Array.from({ length: Math.floor(list.length / 2) }, (_, at) => [list[2 * at] ?? '', list[2 * at + 1] ?? '']);
}
