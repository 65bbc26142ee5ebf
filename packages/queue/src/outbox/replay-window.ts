const day = 24 * 60 * 60 * 1000;

/** How long the store remembers an add whose answer was lost. Longer than any outage that nobody attends to. */
export const markerTtlMs = 8 * day;

/**
 * For how long an entry that may be in the store is sent again. Shorter than its marker lives by far more than two
 * clocks differ. An entry that was never sent can be forwarded at any age.
 */
export const replayWindowMs = 7 * day;
