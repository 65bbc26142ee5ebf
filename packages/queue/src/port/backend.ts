import type { FaultKind, Refusals } from '@holdfast/redis-core';
import type { Queue, Processor } from 'bullmq';
import type { EventReader } from './event-reader.ts';
import type { FetchControl, JobWorker, WorkerTuning } from './job-worker.ts';
import type { Beats } from './beat.ts';
import type { WorkerRegistry } from './worker-registry.ts';
import type { JobStore } from './job-store.ts';
import type { JobChanges } from './job-changes.ts';
import type { FlowStore } from './flow-store.ts';
import type { ScheduleRecords } from './schedule-records.ts';
import type { AddedJob, NewJob, Once } from '../job/new-job.ts';
import type { QueueReading } from '../job/summary.ts';

/**
 * Where the jobs live. Both backends run BullMQ; what differs is how a connection is made, how a duplicate is noticed
 * atomically, and how a queue is summed up in few commands.
 */
export interface QueueBackend {
  readonly kind: 'redis' | 'embedded';
  /** Whether a job may wait for jobs of other queues: not in a cluster, where each queue has a slot of its own. */
  readonly hasFlowsAcrossQueues: boolean;
  /** What is known right now; never waits. */
  readonly status: BackendStatus;
  /** What the keys of this queue start with. */
  prefixOf(queue: string): string;
  /** The producer's side of a queue; one handle a queue, the same at each call. Never waits for a connection. */
  open(queue: string): QueueHandle;
  /** A BullMQ worker that does not run yet. It connects in the background and keeps trying. */
  createWorker(queue: string, processor: Processor, options: WorkerTuning, control: FetchControl): JobWorker;
  /** What workers ask of the store for the jobs that they run; the same object at each call. */
  registry(queue: string): WorkerRegistry;
  /** A reader of the events of a queue, which connects in the background; the caller closes it. */
  openEvents(queue: string): EventReader;
  /** Whether the heartbeats of all queues are one: not in a cluster, where each queue has a slot of its own. */
  readonly sharesBeats: boolean;
  /** The heartbeats of this process, of one queue where they are not shared. Never waits for a connection. */
  openBeats(queue: string): Beats;
  /**
   * Calls `listener` each time the store can be reached again after it could not, so that what it may have lost can be
   * put back. Never for the first connection. Returns what ends that.
   */
  onReturn(listener: () => void): () => void;
  /**
   * Calls `listener` each time the store turns out to have lost all that it held although it could be reached all the while:
   * within some 15 seconds. Returns what ends that. Of a store in this process it never tells.
   */
  onLoss(listener: () => void): () => void;
  /**
   * Asks whether the store does what jobs ask of it, without leaving anything behind: one command, in a cluster one for each
   * queue, since each has a slot of its own. What is refused is in `status` then, too.
   * @throws what a call would be refused with now, or that it was not answered within `deadlineMs`
   */
  prove(deadlineMs: number): Promise<void>;
  /** Closes what was opened here, except workers and events, which belong to whoever made them. */
  close(): Promise<void>;
}

export interface BackendStatus {
  readonly available: boolean;
  /** Why not, in one line, when it is not. */
  readonly reason?: string;
  /** The kind of that reason, where the store is a Redis. */
  readonly fault?: FaultKind;
  /** What the store answers and refuses, although it is there, where it is a Redis. */
  readonly refuses?: Refusals;
  /** When the store was last found emptied, by any process; milliseconds since the epoch. Known while somebody listens to `onLoss`. */
  readonly emptiedAt?: number;
  /** Set until the first connection was made, where the store is a Redis. */
  readonly neverConnected?: boolean;
}

export interface QueueHandle {
  readonly kind: QueueBackend['kind'];
  readonly name: string;
  readonly queue: Queue<unknown, unknown>;
  /** What an operator does with them. */
  readonly changes: JobChanges;
  /** Of flows whose root is in this queue. */
  readonly flows: FlowStore;
  readonly jobs: JobStore;
  /**
   * Adds a job unless one with its id exists; decided atomically. Ends within the backend's command timeout.
   *
   * @throws QueueUnavailableError nothing was added, nor will be.
   * @throws QueueOutcomeUnknownError it may have been added.
   * @throws QueueOutOfMemoryError
   */
  add(job: NewJob): Promise<AddedJob>;
  /**
   * Adds jobs in one command: of each what `add` would return or throw. Never rejects, and one job that cannot be added
   * does not touch the others. The caller keeps it small enough (see `maxBatchJobs`), because the store is blocked for
   * as long as it takes.
   *
   * @param marker of all those that have no `once` of their own: sent again with it and their place in `jobs`, one by one
   *   or together, they are not added a second time
   */
  addMany(jobs: readonly NewJob[], marker?: Once): Promise<(AddedJob | Error)[]>;
  /** Removes the markers of adds (see `Once`) that nobody will send again. @throws QueueUnavailableError */
  forget(tokens: readonly string[]): Promise<void>;
  /**
   * Whether workers may take its jobs.
   *
   * @throws QueueUnavailableError nothing was changed
   * @throws QueueOutcomeUnknownError it was not answered
   */
  setPaused(isPaused: boolean): Promise<void>;
  /** What was said of the schedules of this queue. */
  readonly scheduleRecords: ScheduleRecords;
  /** The clock of the store, which decides what is due; milliseconds since the epoch. @throws QueueUnavailableError */
  now(): Promise<number>;
  /** Counts, age and workers. */
  read(): Promise<QueueReading>;
  /**
   * Runs a call of BullMQ's on this queue that changes nothing within the command timeout, with its errors translated.
   *
   * @throws QueueUnavailableError also where it was not answered
   */
  call<T>(operation: (queue: Queue<unknown, unknown>) => Promise<T>): Promise<T>;
  /**
   * Likewise, a call that changes something.
   *
   * @throws QueueUnavailableError nothing was changed
   * @throws QueueOutcomeUnknownError it was not answered
   */
  change<T>(operation: (queue: Queue<unknown, unknown>) => Promise<T>): Promise<T>;
}
