import { maxDurationMs } from './duration.ts';

const second = 1000;
const day = 86_400_000;

export interface DurationBounds {
  readonly min: number;
  readonly max: number;
}

/** How long what may be, in milliseconds. The libraries check the same; tests compare the two. */
export const durationBounds = {
  /** Of entries: TTLs, what is kept beyond them, and how old they may be. */
  life: { min: 1, max: maxDurationMs },
  /** What is waited for with a timer, which would end at once after more than 24.8 days. */
  wait: { min: 1, max: 24 * day },
  attempt: { min: 1, max: day },
  backoff: { min: 0, max: day },
  rateLimit: { min: 1, max: day },
  waitingTtl: { min: 1, max: 365 * day },
  every: { min: second, max: 365 * day },
  coalesceWait: { min: 1, max: 60 * second },
  retention: { min: second, max: maxDurationMs },
} as const satisfies Record<string, DurationBounds>;
