import type { Safety } from './command.ts';
import { type HoldfastError, UnavailableError, UnknownOutcomeError } from './errors.ts';

/** The error of a command whose reply did not come: what it means depends on what a second application would do. */
export function lostReply(safety: Safety, message: string, cause?: unknown): HoldfastError {
  return safety === 'read' ? new UnavailableError(message, { cause }) : new UnknownOutcomeError(message, { cause });
}

/** Whether an error text is a reply of Redis and not a complaint of the client. */
export function isReplyError(error: Error): boolean {
  return error.name === 'ReplyError';
}

/**
 * The error reply that an error is about; `undefined` where there was none. The client of a cluster follows redirections, and
 * tries again what is refused while a slot is moved, but not for ever.
 */
export function replyOf(error: Error): string | undefined {
  if (isReplyError(error)) return error.message;
  return /^Too many Cluster redirections\. Last error: ReplyError: (.*)$/s.exec(error.message)?.[1];
}
