import { DiskOutcomeUnknownError } from '@holdfast/redis-core/disk';
import { sqliteCode } from '@holdfast/redis-core/durable-file';
import { OutboxError, OutboxFullError, OutboxUnknownError } from '../job/errors.ts';

/** Result codes of SQLite (https://www.sqlite.org/rescode.html), without their extension. */
const explanations: Readonly<Record<number, string>> = {
  5: 'another process has it open. Give each process a data directory of its own, or end the other one.',
  6: 'another process has it open. Give each process a data directory of its own, or end the other one.',
  8: 'it cannot be written. Check who owns it and whether its file system is read-only.',
  10: 'the disk fails to read or write. No job can be taken until it works again.',
  11: 'it is damaged. It is put aside as *.damaged-<time>, and a new one begun.',
  14: 'it cannot be opened. Check that its directory exists and may be written.',
  26: 'it is not an outbox. It is put aside as *.damaged-<time>, and a new one begun.',
};

export type AnyOutboxError = OutboxError | OutboxFullError | OutboxUnknownError;

export function isOutboxError(error: unknown): error is AnyOutboxError {
  return error instanceof OutboxError || error instanceof OutboxFullError || error instanceof OutboxUnknownError;
}

/** What the disk said, in words that say what to do. */
export function outboxError(error: unknown, path: string): AnyOutboxError {
  if (isOutboxError(error)) return error;
  const said = error instanceof Error ? error.message : String(error);
  if (error instanceof DiskOutcomeUnknownError) {
    return new OutboxUnknownError(`The outbox ${path} did not answer: ${said}`, { cause: error });
  }
  const code = sqliteCode(error);
  if (code === 13) {
    return new OutboxFullError(`The outbox ${path} cannot grow: the disk, or the size it may have, is full.`, {
      cause: error,
    });
  }
  return new OutboxError(`The outbox ${path} cannot be used: ${explanations[code] ?? said}`, { cause: error });
}
