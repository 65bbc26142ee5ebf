import type { StuckLoopEvent } from '../job/channels.ts';
import type { Beat, BeatReply } from '../port/beat.ts';

export interface BeatThreadStart {
  /** Of the `LoopSign`. */
  readonly memory: SharedArrayBuffer;
  /** Where the main thread keeps compiled code. */
  readonly compileCache: string | undefined;
}

/** What a module that is opened in the thread exports as `openSender`: it sends beats to one store. */
export type OpenSender = (options: unknown) => BeatSender;

export interface BeatSender {
  /**
   * @param link from the last reply: since when the link of this process to the store holds, by the store's clock; `broken`
   *   after a beat that failed; `undefined` for the first one
   */
  beat(beat: Beat, link: string | undefined): Promise<SentBeat>;
  leave(workerId: string, holdsJobs: boolean): Promise<void>;
  close(): Promise<void>;
}

export interface SentBeat {
  readonly reply: BeatReply;
  readonly link: string;
}

/**
 * What a module exports by default that is to be told of a stuck event loop at once. It is called in the thread of the
 * heartbeats, because nothing runs on the loop.
 */
export type OnStuckLoop = (stuck: StuckLoopEvent) => void;

/** What is answered. */
export type ThreadCall =
  | { readonly kind: 'beat'; readonly link: number; readonly beat: Beat }
  | { readonly kind: 'leave'; readonly link: number; readonly workerId: string; readonly holdsJobs: boolean }
  | { readonly kind: 'close'; readonly link: number };

/** `link`: which store. `call`: what the answer refers to. */
export type ToBeatThread =
  | { readonly kind: 'open'; readonly link: number; readonly module: string; readonly options: unknown }
  | (ThreadCall & { readonly call: number })
  /** Modules with an `OnStuckLoop`. */
  | { readonly kind: 'tell'; readonly modules: readonly string[] };

export type FromBeatThread =
  | { readonly kind: 'answer'; readonly call: number; readonly value: BeatReply | undefined }
  | {
      readonly kind: 'refused';
      readonly call: number;
      readonly message: string;
      readonly name: string;
      /** What the store replied, where it was there and refused. */
      readonly reply?: string;
    }
  /** What could not be done. */
  | { readonly kind: 'trouble'; readonly message: string }
  /** The loop turns again after it was stuck. */
  | { readonly kind: 'stuck'; readonly stuck: StuckLoopEvent }
  /** So many jobs of dead processes were given back while the loop stood. */
  | { readonly kind: 'rescued'; readonly link: number; readonly queue: string; readonly count: number };
