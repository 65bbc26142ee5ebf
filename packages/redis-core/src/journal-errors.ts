import { sqliteCode } from './durable-file.ts';
import { HoldfastError, type HoldfastErrorOptions, redisErrors } from './errors.ts';

/**
 * Something could not be noted durably, so it must not be acknowledged: the caller fails, or does without what it cannot
 * invalidate. What had been noted before is still there.
 */
export class JournalError extends HoldfastError {
  constructor(message: string, options?: HoldfastErrorOptions) {
    super(redisErrors.journal, message, options);
  }

  /** Whether there is no room, on the disk or in the size that the file may have. */
  get isFull(): boolean {
    return sqliteCode(this.cause) === 13;
  }
}

/** Result codes of SQLite (https://www.sqlite.org/rescode.html), without their extension. */
const explanations: Readonly<Record<number, string>> = {
  5: 'another process has it open. Give each process a data directory of its own, or end the other one.',
  6: 'another process has it open. Give each process a data directory of its own, or end the other one.',
  8: 'it cannot be written. Check who owns it and whether its file system is read-only.',
  10: 'the disk fails to read or write. Nothing new can be noted until it works again.',
  11: 'it is damaged. It is put aside as *.damaged-<time>, and a new one begun.',
  13: 'the disk, or the size it may have, is full. Nothing new can be noted until there is room or it was applied.',
  14: 'it cannot be opened. Check that its directory exists and may be written.',
  26: 'it is not a journal. It is put aside as *.damaged-<time>, and a new one begun.',
};

/** What the disk said, in words that say what to do. */
export function journalError(error: unknown, file: string): JournalError {
  const detail = explanations[sqliteCode(error)] ?? (error instanceof Error ? error.message : String(error));
  return new JournalError(`The journal ${file} cannot be used: ${detail}`, { cause: error });
}
