/**
 * What the processes of a history write down, one JSON line each. Times are milliseconds of the machine's monotonic
 * clock, which all its processes share. Keys are `<namespace>/<key>`. Every value that is ever stored has an id of its own.
 */
export type HistoryEvent = Read | Put | Load | Change | Stall | Disturbance;

export interface Read {
  readonly type: 'read';
  readonly process: string;
  /** `get` must not see what expired; `getOrSet` may, while its loader fails. */
  readonly how: 'get' | 'getOrSet';
  readonly key: string;
  readonly from: number;
  readonly to: number;
  /** The id of the value, or `null` for a miss. */
  readonly value: string | null;
}

/** A value that was written by somebody who knew it. */
export interface Put {
  readonly type: 'put';
  readonly process: string;
  readonly id: string;
  readonly key: string;
  readonly from: number;
  /** When it was confirmed, or had failed for good. */
  readonly to: number;
  /** False: it failed, and may have been applied or not. */
  readonly ok: boolean;
  readonly tags: readonly string[];
  readonly ttlMs: number | null;
}

/** A run of a loader: its value counts as of the moment at which it was called, however long it takes to return. */
export interface Load {
  readonly type: 'load';
  readonly process: string;
  readonly id: string;
  readonly key: string;
  readonly from: number;
  readonly to: number;
  readonly tags: readonly string[];
  readonly ttlMs: number | null;
}

/** Something that takes values away. */
export interface Change {
  readonly type: 'change';
  /** `outside` is nobody who has a cache: `redis-cli`. */
  readonly process: string;
  readonly what: string;
  /** `expire` leaves a value to those who have a loader and grace; `evict` may make one unreadable, and need not. */
  readonly mode: 'delete' | 'expire' | 'evict';
  readonly keys: readonly string[];
  /** Only values with one of these tags; `null`: all values. */
  readonly tags: readonly string[] | null;
  readonly from: number;
  readonly to: number;
  readonly ok: boolean;
}

/** The process did not get to run, so that it could not hear of changes. */
export interface Stall {
  readonly type: 'stall';
  readonly process: string;
  readonly from: number;
  readonly to: number;
}

/** For the timeline only: a connection was killed, a process paused. */
export interface Disturbance {
  readonly type: 'disturbance';
  readonly process: string;
  readonly what: string;
  readonly from: number;
  readonly to: number;
}

export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
