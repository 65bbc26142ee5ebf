import {
  AccessRefusedError,
  CommandError,
  faultKindOf,
  withoutArguments,
  type HoldfastError,
} from '@holdfast/redis-core';
import { QueueOutOfMemoryError, QueueUnavailableError } from '../job/errors.ts';

/** Whether Redis itself answered with an error: then the outcome is known, and nothing was done. */
export function isServerError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

/** States of the server that pass; everything else is a command that it does not accept. */
const passing = /^(LOADING|READONLY|MISCONF|MASTERDOWN|BUSY|TRYAGAIN|CLUSTERDOWN|NOREPLICAS)\b/;

export function translateServerError(error: Error, queue: string): HoldfastError {
  const options = { cause: error };
  if (/^OOM\b|\bOOM command not allowed/.test(error.message)) {
    return new QueueOutOfMemoryError(`The Redis of the queue "${queue}" is out of memory.`, options);
  }
  if (passing.test(error.message)) {
    return new QueueUnavailableError(`The Redis of the queue "${queue}" refuses commands: ${error.message}`, options);
  }
  if (faultKindOf(error) === 'forbidden') {
    return new AccessRefusedError(`The Redis of the queue "${queue}" forbids a command: ${error.message}`, options);
  }
  return new CommandError(
    `Redis rejected a command of the queue "${queue}": ${withoutArguments(error.message)}`,
    options,
  );
}
