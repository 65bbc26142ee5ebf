/** A receiver cannot put a job off for longer. */
export const maxRetryAfterMs = 3_600_000;

/** Up to so much of the wait comes on top of it, at random: all jobs that it sent away would come back at once. */
const spread = 0.1;

/**
 * Milliseconds to wait after an answer with this `Retry-After` (RFC 9110: whole seconds, or an HTTP date); `undefined`
 * where there is none, or none that can be read, or its time has come already.
 *
 * @param now milliseconds since the epoch, by the clock of whoever said it: see `clockOf`
 * @param random in [0, 1)
 */
export function retryAfterMs(
  value: string | undefined,
  now: number,
  random: () => number = Math.random,
): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  const waitMs = /^\d{1,15}$/.test(text) ? Number(text) * 1000 : httpDate(text) - now;
  if (!(waitMs > 0)) return undefined;
  return Math.round(Math.min(waitMs, maxRetryAfterMs) * (1 + spread * random()));
}

/**
 * What the clock of a receiver shows, by the `Date` of its answer: a time that it names is by that, and not by the clock of a worker.
 * @param otherwise where it does not say so
 */
export function clockOf(date: string | undefined, otherwise: number): number {
  const shown = httpDate(date?.trim() ?? '');
  return Number.isNaN(shown) ? otherwise : shown;
}

/** The three forms of RFC 9110 begin with the name of a day; `Date.parse` alone takes much more. */
function httpDate(text: string): number {
  return /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text) ? Date.parse(text) : Number.NaN;
}
