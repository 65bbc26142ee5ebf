import type { JobState, StoredJob } from '../job/job-view.ts';
import type { JobListPlace } from './job-list-cursor.ts';
import type { ListedState } from '../job/listed-states.ts';

/**
 * How much one call may be asked for, so that it keeps Redis from others for some milliseconds at most: whoever wants more asks
 * several times, and others come in between.
 */
export const perCall = {
  listedJobs: 200,
  lookups: 500,
  listedBytes: 1024 * 1024,
  events: 200,
  eventBytes: 1024 * 1024,
  looks: 120,
} as const;

/** What each backend knows of its jobs, beyond what BullMQ asks of it. Every call ends within the command timeout. */
export interface JobStore {
  /** Whether a list can go on behind such a place: it may come from outside. */
  isPlace(place: string): boolean;
  /** Jobs of one state; reads no more than the page needs, and no more than `perCall` allows. */
  list(request: JobListRequest): Promise<JobListPage>;
  /** A job that is in one of the states, with the newest lines of its log, in one look; `undefined` for any other key. */
  read(id: string, logLines: number): Promise<ReadJob | undefined>;
  /** Takes the lock of a job from whichever worker has it, so that the job can be removed. */
  unlock(id: string): Promise<void>;
  /**
   * How jobs stand, at most `perCall.looks` of them, in their order.
   * @param withLog of those first ones the log is looked at too
   */
  look(ids: readonly string[], withLog: number): Promise<Looks>;
  /** The id of the newest event of the queue; `0` when there is none. */
  lastEventId(): Promise<string>;
  /** Whether events can be asked for behind such an id: it may come from outside. */
  isEventId(id: string): boolean;
  /**
   * Events behind `after`, the oldest first, at most `perCall.events` of them, and less where they are large; what was cut off in
   * the meantime is not there any more.
   */
  eventsAfter(after: string): Promise<StoredEvents>;
}

export interface JobListRequest {
  readonly state: ListedState;
  readonly after: JobListPlace | undefined;
  readonly limit: number;
  /** How many jobs may be looked at to find some of this name. */
  readonly lookups: number;
  /** The page ends with the job that brings it over this many bytes. */
  readonly maxBytes: number;
  /** Only jobs of this name. */
  readonly name: string | undefined;
}

export interface JobListPage {
  readonly jobs: readonly ListedJob[];
  /** How many ids were looked at, and how many bytes the jobs have. */
  readonly looked: number;
  readonly bytes: number;
  /** Where the next page begins; absent when the state has no more. */
  readonly next?: JobListPlace;
}

export interface ListedJob extends StoredJob {
  readonly id: string;
  /** BullMQ's `stacktrace`: of attempts that failed, an array of texts, if everything is as it should be. */
  readonly stacks?: unknown;
}

export interface ReadJob {
  readonly job: ListedJob;
  readonly state: JobState;
  /** Whether it waits in the order of priorities where it waits. */
  readonly isPrioritized: boolean;
  /** Whether a worker can make a job of it: one that none can is never run, also where it is `active`. */
  readonly canRun: boolean;
  readonly logs: readonly string[];
  /** The newest event of the queue when it was read: what has happened since is behind it. */
  readonly eventId: string;
}

/** How jobs stood at one moment. */
export interface Looks {
  /** The newest event of the queue at that moment. */
  readonly eventId: string;
  readonly jobs: readonly JobLook[];
}

export interface JobLook {
  readonly state: JobState;
  /** Another text once lines have come to the log of the job; '' where the log was not looked at. */
  readonly logMark: string;
}

export interface StoredEvents {
  readonly events: readonly StoredEvent[];
  /** There may be more behind the last one. */
  readonly more: boolean;
}

/** An event as BullMQ stores it: `event`, `jobId` and whatever belongs to the event, as text. */
export interface StoredEvent {
  readonly id: string;
  readonly fields: Readonly<Record<string, string>>;
}
