import { JobInvalidError } from '@holdfast/queue';
import type { FieldIssue, HoldfastError } from '@holdfast/redis-core';

/**
 * The queue points into the data of a job, and names durations after their unit; the caller sees the body around the
 * data (`data` is where they stand), and durations that carry their unit with them.
 */
export function issuesInRequest(error: HoldfastError, data = '/data'): FieldIssue[] {
  return error.issues.map(({ path, message }) => ({
    path: error instanceof JobInvalidError ? `${data}${path}` : path.replace(/([a-z])Ms$/, '$1'),
    message,
  }));
}
