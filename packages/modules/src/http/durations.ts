import { DurationError, parseDuration, parseTtl } from '@holdfast/config';
import { invalidRequest } from './errors.ts';

/** Milliseconds of a duration in the request at `path`. @throws ApiError REQUEST_INVALID */
export function durationAt(path: string, value: string | number, limits: { min?: number; max?: number } = {}): number {
  const ms = translate(path, () => parseDuration(value));
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = limits;
  if (ms < min || ms > max) throw invalidRequest(path, `must be between ${min} ms and ${max} ms`);
  return ms;
}

/**
 * The TTL of one entry: milliseconds, or `null` for no expiry. 0 switches a namespace off in the configuration; for a
 * single entry it would mean to store nothing, and is refused.
 * @throws ApiError REQUEST_INVALID
 */
export function ttlAt(path: string, value: string | number): number | null {
  const ttl = translate(path, () => parseTtl(value));
  if (ttl === 0) throw invalidRequest(path, 'must be longer than 0; DELETE removes an entry');
  return ttl;
}

function translate<Value>(path: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (error) {
    if (error instanceof DurationError) throw invalidRequest(path, error.message);
    throw error;
  }
}
