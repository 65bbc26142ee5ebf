import { JobCancelledError, JobExpiredError, PermanentError } from '../job/errors.ts';
import { formatFailure } from '../job/job-view.ts';
import { storableText } from '../job/storable.ts';

/** Characters that are kept of a message: a list of dead letters is read by people. */
const maxMessageLength = 4096;

/** What is stored of an error: `CODE: message`. */
export function failureOf(error: Error): string {
  const { code } = error as { code?: unknown };
  return formatFailure(
    typeof code === 'string' && /^[A-Z]/.test(code) ? code : 'JOB_FAILED',
    storableText(error.message.slice(0, maxMessageLength)),
  );
}

/** Whether no further attempt is to be made. A handler may have BullMQ's error from a copy of its own. */
export function isPermanent(error: Error): boolean {
  const ours = [PermanentError, JobCancelledError, JobExpiredError];
  return ours.some((kind) => error instanceof kind) || error.name === 'UnrecoverableError';
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
