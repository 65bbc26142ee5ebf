import type { Static } from 'typebox';
import { Type } from 'typebox';

/** Whole milliseconds, or a number with a unit. At most 36500 days, which a pattern does not say. */
export const durationPattern = '^(0|[1-9][0-9]{0,15})(ms|s|m|h|d)?$';

/** A time to live: a duration, or no expiry. */
export const ttlPattern = '^(none|(0|[1-9][0-9]{0,15})(ms|s|m|h|d)?)$';

/** A duration as text, as a query string has it. */
export const durationText = Type.String({
  maxLength: 32,
  description: 'A duration: 500ms, 30s, 5m, 6h, 7d, or milliseconds.',
  examples: ['30s'],
});

export const Duration = Type.Union([Type.Integer({ minimum: 0 }), Type.String({ maxLength: 32 })], {
  title: 'Duration',
  description: 'A duration: milliseconds, or a text such as 30s.',
  examples: ['30s', 30_000],
});
export type Duration = Static<typeof Duration>;
