import type { Job } from 'bullmq';
import { parseFailure } from '../job-view.ts';
import type { ChildResult } from './flow.ts';

/** What the children of a job came to; those that failed are there where their parent was to run all the same. */
export async function childrenOf(
  job: Pick<Job, 'getChildrenValues' | 'getIgnoredChildrenFailures'>,
): Promise<ChildResult[]> {
  const [results, failures] = await Promise.all([job.getChildrenValues(), job.getIgnoredChildrenFailures()]);
  return [
    ...Object.entries(results).map(([key, result]) => ({ ...parseJobKey(key), result: result as unknown })),
    ...Object.entries(failures).map(([key, reason]) => ({ ...parseJobKey(key), error: parseFailure(reason) })),
  ];
}

/** `<prefix>:{<queue>}:<queue>:<id>` on Redis, `<queue>:<id>` on PostgreSQL. */
export function parseJobKey(key: string): { readonly queue: string; readonly id: string } {
  const match = /\{([^{}]+)\}:\1:(.+)$/s.exec(key) ?? /^([^:]+):(.+)$/s.exec(key);
  return { queue: match?.[1] ?? '', id: match?.[2] ?? key };
}
