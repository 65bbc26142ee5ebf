/** Milliseconds of each unit, the longest first. */
const units = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** A hundred years: keeps `now + duration` inside what a Date and Redis can hold. */
export const maxDurationMs: number = 36_500 * units.d;

const grammar = /^(0|[1-9]\d{0,15})(ms|s|m|h|d)?$/;

export const durationAllowed = 'whole milliseconds or a number with a unit: 500ms, 30s, 5m, 6h, 7d (at most 36500d)';
export const ttlAllowed: string = `${durationAllowed}, none (no expiry) or 0 (off)`;

/** A text or a number that is no duration. The message does not repeat it. */
export class DurationError extends RangeError {
  /** What would have been right. */
  readonly allowed: string;

  constructor(allowed: string) {
    super(`must be ${allowed}`);
    this.name = 'DurationError';
    this.allowed = allowed;
  }
}

/**
 * Milliseconds of a duration: an integer (of milliseconds) or `500ms`, `30s`, `5m`, `6h`, `7d`. Nothing else: no white
 * space, sign, fraction or combination. 0 is a duration.
 *
 * @throws {DurationError}
 */
export function parseDuration(value: string | number): number {
  const milliseconds = typeof value === 'number' ? value : fromText(value);
  if (!Number.isSafeInteger(milliseconds) || milliseconds < 0 || milliseconds > maxDurationMs) {
    throw new DurationError(durationAllowed);
  }
  // Turns -0 into 0.
  return milliseconds + 0;
}

/**
 * A time to live: `null` for `none` (no expiry), 0 for off, otherwise milliseconds.
 *
 * @throws {DurationError}
 */
export function parseTtl(value: string | number): number | null {
  if (value === 'none') return null;
  try {
    return parseDuration(value);
  } catch {
    throw new DurationError(ttlAllowed);
  }
}

/** The shortest text that `parseTtl` reads as `ttlMs`: `6h`, `none`, `0`. */
export function formatTtl(ttlMs: number | null): string {
  if (ttlMs === null) return 'none';
  if (ttlMs === 0) return '0';
  for (const [unit, size] of Object.entries(units)) {
    if (ttlMs % size === 0) return `${ttlMs / size}${unit}`;
  }
  return `${ttlMs}ms`;
}

function fromText(text: string): number {
  const match = grammar.exec(text);
  if (match === null) return Number.NaN;
  const unit = (match[2] ?? 'ms') as keyof typeof units;
  return Number(match[1]) * units[unit];
}
