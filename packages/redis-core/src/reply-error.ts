import type { Safety } from './command.ts';
import { faultKindOf, isAccessRefused, withoutArguments } from './connection-fault.ts';
import {
  AccessRefusedError,
  CommandError,
  type HoldfastError,
  OutOfMemoryError,
  ReadOnlyError,
  UnavailableError,
  UnknownOutcomeError,
  WrongTypeError,
} from './errors.ts';

/** An error reply of Redis (its text begins with an upper-case word), as an error of the catalogue. */
export function fromReplyError(text: string, cause?: unknown): HoldfastError {
  const message = withoutArguments(text);
  const word = message.slice(0, message.indexOf(' ') === -1 ? undefined : message.indexOf(' '));
  const options = { cause };
  // A script's error may carry the word of the command that failed inside it.
  if (word === 'WRONGTYPE' || message.includes('WRONGTYPE Operation')) return new WrongTypeError(message, options);
  if (word === 'OOM' || message.includes('OOM command not allowed')) return new OutOfMemoryError(message, options);
  if (word === 'READONLY' || word === 'MISCONF' || word === 'NOREPLICAS') return new ReadOnlyError(message, options);
  if (isAccessRefused(faultKindOf(message))) return new AccessRefusedError(message, options);
  // Redis is there, but not ready to serve: it applied nothing.
  if (['LOADING', 'BUSY', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN', 'MOVED', 'ASK'].includes(word)) {
    return new UnavailableError(message, options);
  }
  return new CommandError(message, options);
}

/** The error of a command whose reply did not come: what it means depends on what a second application would do. */
export function lostReply(safety: Safety, message: string, cause?: unknown): HoldfastError {
  return safety === 'read' ? new UnavailableError(message, { cause }) : new UnknownOutcomeError(message, { cause });
}

/** Whether an error text is a reply of Redis and not a complaint of the client. */
export function isReplyError(error: Error): boolean {
  return error.name === 'ReplyError';
}
