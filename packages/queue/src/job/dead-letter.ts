import type { JobErrorView } from './job-view.ts';

/** A job that has failed for good, as long as the retention of its queue keeps it. Times are ISO 8601 UTC. */
export interface DeadLetter {
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  readonly data: unknown;
  /** Of the last attempt. */
  readonly error: JobErrorView;
  /** Of the last attempt; absent where the worker recorded none. */
  readonly stack?: string;
  readonly attemptsMade: number;
  readonly createdAt: string;
  /** When its first attempt failed; absent where that was not recorded (another BullMQ worker ran it). */
  readonly firstFailedAt?: string;
  /** When it was given up. */
  readonly failedAt: string;
  /** What its store holds of it but cannot be read, or is missing: see `JobView.damaged`. */
  readonly damaged?: readonly string[];
}

export interface DeadLetterPage {
  /** The newest first. A page may hold fewer than `limit`: it ends with the job that brings it over 4 MiB. */
  readonly jobs: readonly DeadLetter[];
  /** Hand it in for the next page; `null` after the last one. */
  readonly cursor: string | null;
}
