import { canBeAskedFor } from '../job-id.ts';
import { maxCursorLength } from '../limits.ts';

/**
 * Where a list of dead letters goes on: behind the job that failed at `failedAt` and has this id. It stays right when
 * jobs before it are redriven or removed in the meantime, which a number of jobs to skip would not.
 */
export interface ListCursor {
  /** Milliseconds since the epoch. */
  readonly failedAt: number;
  readonly id: string;
}

const grammar = /^([1-9]\d{0,15})\.(.+)$/s;

export function writeListCursor({ failedAt, id }: ListCursor): string {
  return Buffer.from(`${failedAt}.${id}`).toString('base64url');
}

export function isListCursor(text: string): boolean {
  return typeof text === 'string' && text.length <= maxCursorLength && parse(text) !== undefined;
}

/** @throws TypeError for what `isListCursor` refuses */
export function readListCursor(text: string): ListCursor {
  const cursor = parse(text);
  if (cursor === undefined) throw new TypeError('This is no cursor.');
  return cursor;
}

function parse(text: string): ListCursor | undefined {
  const [, failedAt, id] = grammar.exec(Buffer.from(text, 'base64url').toString()) ?? [];
  return failedAt === undefined || id === undefined || !canBeAskedFor(id)
    ? undefined
    : { failedAt: Number(failedAt), id };
}
