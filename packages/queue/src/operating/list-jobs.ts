import { JobOptionsInvalidError } from '../job/errors.ts';
import { toJobView, type JobView } from '../job/job-view.ts';
import type { JobStore, ListedJob } from '../port/job-store.ts';
import { isListedState, listedStates, stateAfter, type ListedState } from '../job/listed-states.ts';
import { parseJobListCursor, writeJobListCursor, type JobListCursor } from '../port/job-list-cursor.ts';

export interface ListJobsOptions {
  /** Default: all states, one after another. A job that changes its state meanwhile may then be seen twice, or not. */
  readonly state?: ListedState;
  /** Only jobs of this name. They are looked for among 2000 jobs a page, so a page may be short, or empty. */
  readonly name?: string;
  /** Of the page before, under the same state. */
  readonly cursor?: string;
  /** Jobs on a page at most, 1 to 1000. Default 100. */
  readonly limit?: number;
}

export interface JobList {
  /** Without their logs. Those that run next first; those that have ended, the last one first. */
  readonly jobs: readonly JobView[];
  /** For the next page; `null` after the last one. */
  readonly cursor: string | null;
}

const maxListedJobs = 1000;
const maxLookups = 2000;
/** A page ends early when its jobs are large: with 1 MiB each, 1000 of them would not fit anywhere. */
const maxPageBytes = 4 * 1024 * 1024;

/** @throws JobOptionsInvalidError (400: state, cursor, limit), QueueUnavailableError (503) */
export async function listJobs(queue: string, store: JobStore, options: ListJobsOptions = {}): Promise<JobList> {
  const view = (job: ListedJob, state: ListedState): JobView => toJobView(queue, job.id, job, state, []);
  return listPage(store, options, maxListedJobs, view);
}

/**
 * One page of jobs, whatever they are shown as.
 *
 * @param maxLimit how many may be asked for
 */
export async function listPage<View>(
  store: JobStore,
  options: ListJobsOptions,
  maxLimit: number,
  view: (job: ListedJob, state: ListedState) => View,
): Promise<{ readonly jobs: readonly View[]; readonly cursor: string | null }> {
  const { state: only, name, limit = 100 } = options;
  let at: JobListCursor | undefined = begin(store, options, maxLimit);
  const jobs: View[] = [];
  let lookups = maxLookups;
  let maxBytes = maxPageBytes;
  // A page is as many calls as keep each of them short.
  while (at !== undefined && jobs.length < limit && lookups > 0 && maxBytes > 0) {
    const { state, after }: JobListCursor = at;
    const page = await store.list({ state, after, name, lookups, limit: limit - jobs.length, maxBytes });
    jobs.push(...page.jobs.map((job) => view(job, state)));
    lookups -= page.looked;
    maxBytes -= page.bytes;
    if (page.next !== undefined) {
      at = { state, after: page.next };
      continue;
    }
    const following: ListedState | undefined = only === undefined ? stateAfter(state) : undefined;
    at = following === undefined ? undefined : { state: following };
  }
  return { jobs, cursor: at === undefined ? null : writeJobListCursor(at) };
}

function begin(store: JobStore, { state, cursor, limit }: ListJobsOptions, maxLimit: number): JobListCursor {
  if (state !== undefined && !isListedState(state)) {
    throw refusal('state', `must be one of ${listedStates.join(', ')}`);
  }
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1 && limit <= maxLimit)) {
    throw refusal('limit', `must be an integer from 1 to ${maxLimit}`);
  }
  if (cursor === undefined) return { state: state ?? listedStates[0] };
  const parsed = parseJobListCursor(cursor);
  const isForeign = parsed?.after !== undefined && !store.isPlace(parsed.after.place);
  if (parsed === undefined || isForeign || (state !== undefined && parsed.state !== state)) {
    throw refusal('cursor', 'was not given out for this list');
  }
  return parsed;
}

function refusal(name: string, message: string): JobOptionsInvalidError {
  return new JobOptionsInvalidError([{ path: `/${name}`, message }]);
}
