import { JobInvalidError } from '@holdfast/queue';
import type { FieldIssue, HoldfastError } from '@holdfast/redis-core';

/**
 * The queue points into the data of a job, and names its durations after their unit; the caller sees the body around the
 * data, and durations that carry their unit with them.
 */
export function issuesInRequest(error: HoldfastError): FieldIssue[] {
  return error.issues.map(({ path, message }) => ({
    path: error instanceof JobInvalidError ? `/data${path}` : path.replace(/^(\/options\/.*[a-z])Ms$/, '$1'),
    message,
  }));
}
