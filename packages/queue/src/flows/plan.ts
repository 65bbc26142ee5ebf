import type { FieldIssue } from '@holdfast/redis-core';
import type { JobsOptions } from 'bullmq';
import type { QueueHandle } from '../port/backend.ts';
import type { NewJob } from '../job/new-job.ts';
import type { PlannedJob } from '../port/flow-store.ts';
import { JobInvalidError, JobOptionsInvalidError, JobTooLargeError } from '../job/errors.ts';
import type { Producer } from '../producing/producer.ts';
import {
  maxFlowBytes,
  maxFlowDepth,
  maxFlowJobs,
  type ChildFailurePolicy,
  type FlowJob,
  type FlowNode,
} from './flow.ts';

export interface FlowQueue {
  readonly handle: QueueHandle;
  readonly producer: Producer;
}

export interface FlowPlan {
  /** Parents before their children. */
  readonly jobs: readonly PlannedJob[];
  readonly root: FlowNode;
}

const policies: Readonly<Record<ChildFailurePolicy, JobsOptions>> = {
  fail: { failParentOnFailure: true },
  ignore: { ignoreDependencyOnFailure: true },
};

/**
 * Checks every job of a flow against its queue before any of them is added.
 *
 * @param open throws QueueUnknownError
 * @throws JobInvalidError, JobOptionsInvalidError with all issues; paths begin at the root: `/children/0/data/to`
 */
export function planFlow(root: FlowJob, open: (queue: string) => FlowQueue): FlowPlan {
  const planner = new Planner(open);
  const node = planner.add(root, '', undefined, 1);
  planner.throwIfWrong(root.queue);
  return { jobs: planner.jobs, root: node };
}

class Planner {
  readonly jobs: PlannedJob[] = [];
  readonly #open: (queue: string) => FlowQueue;
  readonly #dataIssues: FieldIssue[] = [];
  readonly #optionIssues: FieldIssue[] = [];
  readonly #keys = new Set<string>();
  #count = 0;
  #bytes = 0;

  constructor(open: (queue: string) => FlowQueue) {
    this.#open = open;
  }

  add(flow: FlowJob, path: string, parent: PlannedJob | undefined, depth: number): FlowNode {
    const { handle, producer } = this.#open(flow.queue);
    const children = flow.children ?? [];
    this.#count += 1;
    if (depth > maxFlowDepth || this.#count > maxFlowJobs) {
      const message = `a flow has at most ${maxFlowJobs} jobs and ${maxFlowDepth} levels.`;
      throw new JobOptionsInvalidError([{ path: path === '' ? '/children' : path, message }]);
    }
    const planned = {
      queue: handle.queue,
      job: this.#prepare(flow, producer, path, parent),
      hasChildren: children.length > 0,
      parent,
    };
    this.jobs.push(planned);
    return {
      id: planned.job.id,
      queue: flow.queue,
      children: children.map((child, at) => this.add(child, `${path}/children/${at}`, planned, depth + 1)),
    };
  }

  throwIfWrong(queue: string): void {
    if (this.#optionIssues.length > 0) throw new JobOptionsInvalidError(this.#optionIssues);
    if (this.#dataIssues.length > 0) throw new JobInvalidError(queue, this.#dataIssues);
    if (this.#bytes > maxFlowBytes) throw new JobTooLargeError(this.#bytes, maxFlowBytes);
  }

  #prepare(flow: FlowJob, producer: Producer, path: string, parent: PlannedJob | undefined): NewJob {
    const { queue, name, data, options, onFailure = 'fail' } = flow;
    const nothing: NewJob = { id: '', name: '', data: null, options: {} };
    if (options?.deduplication !== undefined) {
      this.#optionIssues.push({ path: `${path}/options/deduplication`, message: 'cannot be used in a flow.' });
      return nothing;
    }
    if (!Object.hasOwn(policies, onFailure)) {
      this.#optionIssues.push({ path: `${path}/onFailure`, message: 'must be fail or ignore.' });
      return nothing;
    }
    try {
      const job = producer.prepare({ data, ...(name !== undefined && { name }), ...(options && { options }) });
      this.#noteKey(`${queue}:${job.id}`, path);
      this.#bytes += Buffer.byteLength(JSON.stringify(data));
      return parent === undefined ? job : { ...job, options: { ...job.options, ...policies[onFailure] } };
    } catch (error) {
      const at = (prefix: string) => (issue: FieldIssue) => ({ ...issue, path: `${path}${prefix}${issue.path}` });
      if (error instanceof JobInvalidError) this.#dataIssues.push(...(error.issues ?? []).map(at('/data')));
      else if (error instanceof JobOptionsInvalidError) this.#optionIssues.push(...(error.issues ?? []).map(at('')));
      else throw error;
      return nothing;
    }
  }

  #noteKey(key: string, path: string): void {
    if (this.#keys.has(key)) {
      this.#optionIssues.push({ path: `${path}/options/jobId`, message: 'is the id of another job of the flow.' });
    }
    this.#keys.add(key);
  }
}
