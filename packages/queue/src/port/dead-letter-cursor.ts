import { canBeAskedFor } from '../job/job-id.ts';
import { maxCursorLength } from '../job/limits.ts';

/**
 * Where a list of dead letters goes on: behind the job that failed at `failedAt` and has this id. It stays right when
 * jobs before it are redriven or removed in the meantime, which a number of jobs to skip would not.
 */
export interface ListCursor {
  /** Milliseconds since the epoch. */
  readonly failedAt: number;
  readonly id: string;
}

const grammar = /^(-?\d{1,16})\.(.+)$/s;

/** @param failedAt as it is stored: what no time can be is somewhere before the first or behind the last one that can */
export function writeListCursor({ failedAt, id }: ListCursor): string {
  const time = Number.isNaN(failedAt) ? Number.MAX_SAFE_INTEGER : failedAt;
  const place = Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Math.floor(time), Number.MAX_SAFE_INTEGER));
  return Buffer.from(`${place}.${id}`).toString('base64url');
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
