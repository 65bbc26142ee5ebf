import { limits } from './limits.ts';

/** Of a queue whose jobs become one where they are alike but for one array of their data. */
export interface Coalesce {
  /** The field of the data with the array; a job with `n` elements counts as `n` items. */
  readonly field: string;
  /** Of one job, 1 to 1000. 1 turns it off. The payload schema must allow so many. */
  readonly maxItems: number;
  /** How long an item waits at most for others to come, 1 ms to 60 s. Nobody is answered before. */
  readonly maxWaitMs: number;
}

/** What is wrong with the bounds of a coalescer. */
export function coalesceProblems({ maxItems, maxWaitMs }: Pick<Coalesce, 'maxItems' | 'maxWaitMs'>): string[] {
  return [
    ...(limits.coalesceItems.holds(maxItems) ? [] : [`maxItems ${limits.coalesceItems.rule}`]),
    ...(limits.coalesceWaitMs.holds(maxWaitMs) ? [] : [`maxWaitMs ${limits.coalesceWaitMs.rule}`]),
  ];
}
