import { limits } from './limits.ts';

/** How long to wait before the next attempt. */
export interface Backoff {
  readonly type: 'exponential' | 'fixed';
  /** Before the second attempt; exponential back-off doubles it for each further one. */
  readonly delayMs: number;
  /** The longest wait. Default 1 hour. */
  readonly maxDelayMs?: number;
  /** The part of the wait that is random, 0 to 1. Default 0.5 for exponential, 0 for fixed. */
  readonly jitter?: number;
}

const defaultMaxDelayMs = 60 * 60 * 1000;

/** Whether the longest wait of a back-off is shorter than one of the waits between so many attempts would be without it. */
export function isBounded(backoff: Backoff, attempts: number): boolean {
  const doublings = backoff.type === 'exponential' ? Math.max(attempts - 2, 0) : 0;
  return backoff.delayMs * 2 ** doublings > (backoff.maxDelayMs ?? defaultMaxDelayMs);
}

/**
 * Milliseconds to wait after `attemptsMade` attempts (≥ 1). Jitter only shortens the wait, so `maxDelayMs` holds.
 *
 * @param random in [0, 1)
 */
export function backoffDelay(backoff: Backoff, attemptsMade: number, random: () => number = Math.random): number {
  const cap = backoff.maxDelayMs ?? defaultMaxDelayMs;
  // Beyond 2^40 every delay is over any cap; the bound keeps the power finite.
  const factor = backoff.type === 'exponential' ? 2 ** Math.min(Math.max(attemptsMade - 1, 0), 40) : 1;
  const full = Math.min(backoff.delayMs * factor, cap);
  const jitter = backoff.jitter ?? defaultJitter(backoff.type);
  return Math.round(full * (1 - jitter * random()));
}

export function defaultJitter(type: Backoff['type']): number {
  return type === 'exponential' ? 0.5 : 0;
}

/** Whether a value from outside is a back-off that can be worked with. */
export function isBackoff(value: unknown): value is Backoff {
  if (typeof value !== 'object' || value === null) return false;
  const { type, delayMs, maxDelayMs, jitter, ...rest } = value as Record<string, unknown>;
  return (
    (type === 'exponential' || type === 'fixed') &&
    limits.backoffMs.holds(delayMs) &&
    (maxDelayMs === undefined || limits.backoffMs.holds(maxDelayMs)) &&
    (jitter === undefined || (typeof jitter === 'number' && jitter >= 0 && jitter <= 1)) &&
    Object.keys(rest).length === 0
  );
}
