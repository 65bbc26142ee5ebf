import type { RedisCommandEvent } from './channels.ts';
import { UnavailableError, UnknownOutcomeError } from './errors.ts';

/** What has become of a command that failed with `error`; `undefined`: it did not. */
export function outcomeOf(error: unknown): RedisCommandEvent['outcome'] {
  if (error === undefined) return 'ok';
  if (error instanceof UnavailableError) return 'unavailable';
  return error instanceof UnknownOutcomeError ? 'unknown' : 'error';
}

/** Whether it was not answered, which may be otherwise the next time. */
export function wasLost(error: unknown): boolean {
  return error instanceof UnknownOutcomeError || error instanceof UnavailableError;
}
