import type { HeldJob } from './worker-registry.ts';

/**
 * How the workers of a process say to a store that they are there: one heartbeat for all their queues. Nothing is done
 * later: a beat that cannot be made now fails.
 */
export interface Beats {
  /** Keeps the presence, asks after the jobs that are held, and gives back the jobs of processes that are gone. */
  beat(beat: Beat): Promise<BeatReply>;
  /** The process ends. What it still holds is given back at once, by whoever beats next. */
  leave(workerId: string, holdsJobs: boolean): Promise<void>;
  /** Ends what was opened for this. */
  close(): Promise<void>;
}

export interface Beat {
  /** `hf<ttlMs>.<unique>`: others read from it how long to wait for this process. */
  readonly workerId: string;
  readonly ttlMs: number;
  readonly heartbeatMs: number;
  /** Also look for active jobs whose owner nobody knows, and for those that only the store believes to run here. */
  readonly everything: boolean;
  /** Which locks are renewed: of none, of the jobs that are named, or of all that the store believes to run here. */
  readonly renews: 'none' | 'named' | 'all';
  /** Counted: what is bounded in one beat begins with another queue in the next. */
  readonly round: number;
  readonly queues: readonly QueueBeat[];
}

export interface QueueBeat {
  readonly name: string;
  /** See `QueueBackend.prefixOf`. */
  readonly prefix: string;
  /** How many crashes end a job. */
  readonly crashLimit: number;
  /** How many active jobs the beats before have looked at, of more than one looks at: from the last reply. */
  readonly lookedAt: number;
  /** The jobs that were fetched and not handed in, with their lock tokens. */
  readonly held: readonly HeldJob[];
}

export interface BeatReply {
  /** Milliseconds until another process may have to be rescued. */
  readonly dueMs: number | undefined;
  /** For how long the beats of all processes, and the link of this one, have come without a gap. Milliseconds. */
  readonly healthyMs: number;
  /** In the order in which they were asked after. */
  readonly queues: readonly QueueBeatReply[];
}

export interface QueueBeatReply {
  /** Held jobs that somebody else has. */
  readonly lost: readonly HeldJob[];
  /** Held jobs that another run has ended. */
  readonly superseded: readonly HeldJob[];
  /** Held jobs that were cancelled, with what they are to fail with. */
  readonly cancelled: readonly (HeldJob & { readonly failure: string })[];
  /** Jobs of dead processes that wait again. */
  readonly rescued: readonly { readonly id: string; readonly crashes: number }[];
  /** All jobs that the store believes to run here, if everything was looked at. */
  readonly own: readonly HeldJob[];
  /** For the next beat. */
  readonly lookedAt: number;
}
