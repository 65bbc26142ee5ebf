import { JobInvalidError, JobOptionsInvalidError } from '@holdfast/queue';
import type { FieldIssue, HoldfastError } from '@holdfast/redis-core';

/** A duration that is named after its unit, in a path or in a text: `/delayMs`, `{maxDelayMs?: …}`. */
const unitOfName = /([a-z])Ms\b/g;

/**
 * The queue points into the data of a job, and names durations after their unit; the caller sees the body around the
 * data (`data` is where they stand), and durations that carry their unit with them.
 */
export function issuesInRequest(error: HoldfastError, data = '/data'): FieldIssue[] {
  if (error instanceof JobInvalidError) {
    return error.issues.map(({ path, message }) => ({ path: `${data}${path}`, message }));
  }
  return error.issues.map(({ path, message }) => ({
    path: path.replaceAll(unitOfName, '$1'),
    message: message.replaceAll(unitOfName, '$1'),
  }));
}

/** What such an error says, where it names fields by the same names as its issues. */
export function detailInRequest(error: HoldfastError, issues: readonly FieldIssue[]): string {
  if (!(error instanceof JobOptionsInvalidError)) return error.message;
  return issues.map(({ path, message }) => `${path}: ${message}`).join(' ');
}
