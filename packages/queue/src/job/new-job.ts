import type { JobsOptions } from 'bullmq';
import type { JobState } from './job-view.ts';

/** A job as it is handed to the store of its queue. */
export interface NewJob {
  readonly id: string;
  readonly name: string;
  readonly data: unknown;
  /** The data as JSON, where that is known already. */
  readonly json?: string;
  readonly options: JobsOptions;
  /** Makes this add happen once, however often it is sent. */
  readonly once?: Marker;
}

/**
 * A marker of our own, in the slot of the queue, set by the script that adds. It outlives the job: within `ttlMs`, an
 * add that finds its marker adds nothing and answers `existed: true`, also when the job has run and was removed.
 */
export interface Once {
  /** Names the call and not the job: with the job's id, one that was removed could not be added again. */
  readonly token: string;
  readonly ttlMs: number;
}

/** The marker of one add. */
export interface Marker extends Once {
  /** Where the adds of a command share a marker: which of them it is, from 1. Absent: it is of this add alone. */
  readonly place?: number;
}

/** What became of an add. */
export interface AddedJob {
  /** Of the job that is stored; not the one asked for when de-duplication found another job. */
  readonly id: string;
  /** `unknown` for a job that was added before and is gone. */
  readonly state: JobState;
  /** Nothing was added. */
  readonly existed: boolean;
}
