import type { FieldIssue } from '@holdfast/redis-core';
import type { DeduplicationOptions } from 'bullmq';
import { limits } from './limits.ts';

/**
 * What becomes of a job while another one holds the same de-duplication id:
 *
 * - `simple`: it is not added until the other one has ended
 * - `throttle`: it is not added within `ttlMs` of the one that was
 * - `debounce`: it takes the place of the other one, which waits for its delay (`delayMs`, or `ttlMs` where that is not
 *   given), and the time begins anew; only the last one of a burst runs
 * - `keepLastIfActive`: it is not added; but while the other one runs, the last such job is kept, and is added when the
 *   other one has ended. So at most one runs and one waits
 * - `reschedule`: it is not added, but the other one is put off to its delay while it still waits for its own. Not on the
 *   embedded backend
 */
export type DeduplicationMode = 'simple' | 'throttle' | 'debounce' | 'keepLastIfActive' | 'reschedule';

export interface Deduplication {
  /** 1 to 128 of `A-Z a-z 0-9 . _ ~ -`. */
  readonly id: string;
  /** Default: `throttle` where there is a `ttlMs`, else `simple`. */
  readonly mode?: DeduplicationMode;
  /** 1 ms to 365 days. `throttle` and `debounce` need one, `reschedule` may have one, the others have none. */
  readonly ttlMs?: number;
}

/** Whether a mode has a time to live. */
const ttlOf: Readonly<Record<DeduplicationMode, 'required' | 'optional' | 'none'>> = {
  simple: 'none',
  throttle: 'required',
  debounce: 'required',
  keepLastIfActive: 'none',
  reschedule: 'optional',
};
const modes = Object.keys(ttlOf);
const idPattern = /^[A-Za-z0-9._~-]{1,128}$/;

/** What is wrong with a value from outside; `path` is where it stands. */
export function* deduplicationIssues(value: unknown, path: string): Generator<FieldIssue> {
  if (typeof value !== 'object' || value === null) {
    yield { path, message: 'must be {id, mode?, ttlMs?}.' };
    return;
  }
  const { id, mode, ttlMs, ...rest } = value as Record<string, unknown>;
  for (const name of Object.keys(rest)) yield { path: `${path}/${name}`, message: 'is not a known field.' };
  if (typeof id !== 'string' || !idPattern.test(id)) {
    yield { path: `${path}/id`, message: 'must be 1 to 128 of A-Z a-z 0-9 . _ ~ -.' };
  }
  if (mode !== undefined && !isMode(mode)) {
    yield { path: `${path}/mode`, message: `must be one of ${modes.join(', ')}.` };
  }
  if (ttlMs !== undefined && !limits.deduplicationTtlMs.holds(ttlMs)) {
    yield { path: `${path}/ttlMs`, message: `${limits.deduplicationTtlMs.rule}.` };
  }
  if (!isMode(mode)) return;
  const rule = ttlOf[mode];
  if (rule === 'required' && ttlMs === undefined) {
    yield { path: `${path}/ttlMs`, message: `is required in the mode ${mode}.` };
  }
  if (rule === 'none' && ttlMs !== undefined) {
    yield {
      path: `${path}/ttlMs`,
      message: `must not be given in the mode ${mode}, which lasts until the job has ended.`,
    };
  }
}

export function deduplicationMode({ mode, ttlMs }: Deduplication): DeduplicationMode {
  return mode ?? (ttlMs === undefined ? 'simple' : 'throttle');
}

/** BullMQ's form of it. */
export function storedDeduplication(deduplication: Deduplication): DeduplicationOptions {
  const { id, ttlMs } = deduplication;
  const common = { id, ...(ttlMs !== undefined && { ttl: ttlMs }) };
  switch (deduplicationMode(deduplication)) {
    case 'simple':
    case 'throttle':
      return common;
    case 'debounce':
      return { ...common, extend: true, replace: true };
    case 'keepLastIfActive':
      return { ...common, keepLastIfActive: true };
    case 'reschedule':
      return { ...common, reschedule: true };
  }
}

function isMode(value: unknown): value is DeduplicationMode {
  return typeof value === 'string' && modes.includes(value);
}
