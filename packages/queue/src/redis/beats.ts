import type { EngineOptions } from '@holdfast/redis-core';
import { ThreadBeats } from '../consuming/beat-thread.ts';
import type { Beats } from '../port/beat.ts';
import type { BeatSenderOptions } from './beat-sender.ts';
import { loadLua } from './lua.ts';
import { RedisScript } from './script.ts';

// Jobs are given back with BullMQ's own script.
const beatScript = new RedisScript('worker-beat', 'moveJobFromActiveToWait', ['server-time', 'own-again']);

const sender = new URL(import.meta.url.endsWith('.ts') ? './beat-sender.ts' : './beat-sender.js', import.meta.url);

export interface RedisBeatsOptions extends Pick<EngineOptions, 'target' | 'connectionTimeoutMs' | 'commandTimeoutMs'> {
  /** What the keys of the presences begin with. */
  readonly home: string;
  /** A beat was answered, or, with why, not: what the store refuses shows here where nobody else asks it for anything. */
  readonly onBeat: (failure?: Error) => void;
  /** Jobs of dead processes were given back while the event loop stood, and could not be told of it. */
  readonly onRescued: (queue: string, count: number) => void;
}

/** Heartbeats that the thread of this process sends to a Redis, over a connection that is there for nothing else. */
export function openRedisBeats({ home, onRescued, onBeat, ...link }: RedisBeatsOptions): Beats {
  const options: BeatSenderOptions = {
    // Each beat is a proof by itself.
    engine: { ...link, name: 'beat', tracking: false, probeIntervalMs: 0 },
    lua: { beat: beatScript.text(), leave: loadLua('worker-leave') },
    home,
  };
  return new ThreadBeats(sender, options, { onRescued, onBeat });
}
