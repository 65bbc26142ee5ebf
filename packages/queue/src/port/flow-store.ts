import { Job, type JobJson, type Queue } from 'bullmq';
import type { NewJob } from '../job/new-job.ts';

/** One job of a flow, ready to be stored. */
export interface PlannedJob {
  readonly queue: Queue<unknown, unknown>;
  readonly job: NewJob;
  readonly hasChildren: boolean;
  readonly parent: PlannedJob | undefined;
}

/** Adds flows whose root is in one queue. Errors are those of `QueueHandle.add`. */
export interface FlowStore {
  /** All of the jobs or none of them, in one step. */
  add(jobs: readonly PlannedJob[]): Promise<FlowOutcome>;
}

export type FlowOutcome =
  | { readonly outcome: 'added' | 'existed' }
  /** Another job than the root is there; nothing was done. `job` names it, as the store does. */
  | { readonly outcome: 'conflict'; readonly job: string };

/** What BullMQ's backends make a stored job from. */
export interface StoredFlowJob {
  readonly planned: PlannedJob;
  readonly json: JobJson;
  readonly links: FlowLinks;
}

export interface FlowLinks {
  readonly addToWaitingChildren?: true;
  readonly parentKey?: string;
  readonly parentDependenciesKey?: string;
  readonly deferParentRelease: true;
}

/** As BullMQ's FlowProducer does it, which neither says what existed nor ends in time. */
export function toStoredFlowJob(planned: PlannedJob): StoredFlowJob {
  const { queue, job, parent, hasChildren } = planned;
  const options =
    parent === undefined
      ? job.options
      : { ...job.options, parent: { id: parent.job.id, queue: parent.queue.qualifiedName } };
  const parentKey = parent?.queue.toKey(parent.job.id);
  return {
    planned,
    json: new Job(queue, job.name, job.data, options, job.id).asJSON(),
    links: {
      ...(hasChildren && { addToWaitingChildren: true }),
      ...(parentKey !== undefined && { parentKey, parentDependenciesKey: `${parentKey}:dependencies` }),
      deferParentRelease: true,
    },
  };
}
