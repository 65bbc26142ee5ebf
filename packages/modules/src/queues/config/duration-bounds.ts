import { durationBounds, type DurationBounds } from '@holdfast/config/part';

const second = 1000;
const day = 86_400_000;

/** How long what of a queue may be, in milliseconds. The library checks the same; a test compares the two. */
export const queueBounds = {
  attempt: { min: 1, max: day },
  backoff: { min: 0, max: day },
  rateLimit: { min: 1, max: day },
  waitingTtl: { min: 1, max: 365 * day },
  every: { min: second, max: 365 * day },
  coalesceWait: { min: 1, max: 60 * second },
  retention: { min: second, max: durationBounds.life.max },
} as const satisfies Record<string, DurationBounds>;
