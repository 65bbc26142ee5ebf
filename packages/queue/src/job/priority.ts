/** A name, or a number from 1 (first) to 2 097 151 (last). */
export type Priority = 'high' | 'normal' | 'low' | number;

export const namedPriorities = { high: 1, normal: 10, low: 100 } as const;
const lowestPriority = 2_097_151;

/** What a priority may be, for error messages. */
export const priorityRule = `must be "high", "normal", "low" or an integer from 1 to ${lowestPriority}`;

/**
 * The number of a priority; `undefined` when it is not one. Every job gets a number: BullMQ runs jobs without a
 * priority before all others, so a forgotten one would overtake `high`.
 */
export function priorityNumber(priority: unknown): number | undefined {
  if (priority === 'high' || priority === 'normal' || priority === 'low') return namedPriorities[priority];
  if (typeof priority !== 'number' || !Number.isInteger(priority)) return undefined;
  return priority >= 1 && priority <= lowestPriority ? priority : undefined;
}
