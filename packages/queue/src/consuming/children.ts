import type { IQueueBackend, Job } from 'bullmq';
import { parseStored } from '../job/stored-json.ts';
import { parseFailure } from '../job/job-view.ts';
import type { ChildResult } from '../job/child-result.ts';

/**
 * What the children of a job came to; those that failed are there where their parent was to run all the same. Not by
 * BullMQ's own `getChildrenValues`, which fails as a whole for one result that is no JSON.
 */
export async function childrenOf(
  job: Pick<Job, 'id' | 'getIgnoredChildrenFailures'>,
  backend: Pick<IQueueBackend, 'getProcessedChildrenValues'>,
): Promise<ChildResult[]> {
  const [results, failures] = await Promise.all([
    backend.getProcessedChildrenValues(job.id ?? ''),
    job.getIgnoredChildrenFailures(),
  ]);
  return [
    ...Object.entries(results).map(([key, result]) => ({ ...parseJobKey(key), result: parseStored(result) })),
    ...Object.entries(failures).map(([key, reason]) => ({ ...parseJobKey(key), error: parseFailure(reason) })),
  ];
}

/** `<prefix>:{<queue>}:<queue>:<id>` on Redis, `<queue>:<id>` on PostgreSQL. */
export function parseJobKey(key: string): { readonly queue: string; readonly id: string } {
  const match = /\{([^{}]+)\}:\1:(.+)$/s.exec(key) ?? /^([^:]+):(.+)$/s.exec(key);
  return { queue: match?.[1] ?? '', id: match?.[2] ?? key };
}
