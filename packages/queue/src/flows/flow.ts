import type { Catalogue, DataOf } from '../job/catalogue.ts';
import type { QueueDefinition } from '../job/define-queue.ts';
import type { JobOptions } from '../job/job-options.ts';
import type { JobState } from '../job/job-view.ts';

/**
 * A job with the jobs that it waits for, which may wait for others in turn. In a catalogue that also has queues which are
 * only known at run time, a flow is checked when it is added.
 */
export type FlowJob<Known extends Catalogue = Catalogue> = FlowJobOf<Known[number], Known>;

type FlowJobOf<Definition extends QueueDefinition, Known extends Catalogue> = Definition extends QueueDefinition
  ? FlowPart<Definition['name'], DataOf<Definition>, Known>
  : never;

interface FlowPart<Name extends string, Data, Known extends Catalogue> {
  readonly queue: Name;
  /** Default: the name of the queue. */
  readonly name?: string;
  readonly data: Data;
  /** As for `add`, without `deduplication`. */
  readonly options?: JobOptions;
  /** They run first, in any order; this one runs when all of them have ended, and reads their results with `job.children()`. */
  readonly children?: readonly FlowJob<Known>[];
  /** What the failure of this job does to its parent. Default `fail`. */
  readonly onFailure?: ChildFailurePolicy;
}

/**
 * `fail`: the parent fails, too, and so does not run. `ignore`: the parent waits for the others and runs; it sees the
 * error. (BullMQ's `continueParentOnFailure` is not offered: such a parent cannot end while other children wait.)
 */
export type ChildFailurePolicy = 'fail' | 'ignore';

export interface FlowResult {
  readonly id: string;
  readonly queue: string;
  readonly state: JobState;
  /** Whether a job of the root's id was there, so that nothing was added. */
  readonly duplicate: boolean;
  readonly children: readonly FlowNode[];
}

export interface FlowNode {
  readonly id: string;
  readonly queue: string;
  readonly children: readonly FlowNode[];
}

/** In one flow: it is added in one command. */
export const maxFlowJobs = 1000;
export const maxFlowDepth = 10;
/** Of the data of all jobs, as JSON. */
export const maxFlowBytes: number = 8 * 1024 * 1024;
