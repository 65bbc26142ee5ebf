import { UnrecoverableError } from 'bullmq';
import { stampStack } from '../job/failure-record.ts';
import { JobCancelledError, JobExpiredError, PermanentError } from '../job/errors.ts';
import { formatFailure } from '../job/job-view.ts';
import { storableText } from '../job/storable.ts';

/** Characters that are kept of a message: a list of dead letters is read by people. */
const maxMessageLength = 4096;

/** What BullMQ records: `CODE: message`, with the stack of the original. */
export function toFailure(error: unknown): Error {
  const original = asError(error);
  const { code } = original as { code?: unknown };
  const message = formatFailure(
    typeof code === 'string' && /^[A-Z]/.test(code) ? code : 'JOB_FAILED',
    storableText(original.message.slice(0, maxMessageLength)),
  );
  const failure = isPermanent(original) ? new UnrecoverableError(message) : new Error(message);
  failure.cause = original;
  failure.stack = stampStack(storableText(original.stack ?? message));
  return failure;
}

/** Whether no further attempt is to be made. A handler may have BullMQ's error from a copy of its own. */
export function isPermanent(error: Error): boolean {
  const ours = [PermanentError, JobCancelledError, JobExpiredError];
  return ours.some((kind) => error instanceof kind) || error.name === 'UnrecoverableError';
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
