/** What is being gathered and sent at one moment. */
export interface BatchStats {
  /** Batches that are being filled or stored. */
  readonly activeBatches: number;
  /** Jobs and items whose callers wait for the answer of the store. */
  readonly totalQueuedJobs: number;
  /** Active batches by queue. */
  readonly batchesByType: Readonly<Record<string, number>>;
}

export interface Pending {
  readonly batches: number;
  readonly jobs: number;
}

/** Sums up; a queue may be named more than once. */
export function batchStatsOf(parts: Iterable<readonly [queue: string, pending: Pending]>): BatchStats {
  let activeBatches = 0;
  let totalQueuedJobs = 0;
  const byQueue = new Map<string, number>();
  for (const [queue, { batches, jobs }] of parts) {
    activeBatches += batches;
    totalQueuedJobs += jobs;
    if (batches > 0) byQueue.set(queue, (byQueue.get(queue) ?? 0) + batches);
  }
  return { activeBatches, totalQueuedJobs, batchesByType: Object.fromEntries(byQueue) };
}
