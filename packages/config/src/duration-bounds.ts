import { maxDurationMs } from './duration.ts';

export interface DurationBounds {
  readonly min: number;
  readonly max: number;
}

/** How long what may be, in milliseconds. The libraries check the same; tests compare the two. */
export const durationBounds = {
  /** Of entries: TTLs, what is kept beyond them, and how old they may be. */
  life: { min: 1, max: maxDurationMs },
  /** What is waited for with a timer, which would end at once after more than 24.8 days. */
  wait: { min: 1, max: 24 * 86_400_000 },
} as const satisfies Record<string, DurationBounds>;
