import { HoldfastError } from '@holdfast/redis-core';
import { BulkAbortedError } from './errors.ts';

/** What a bulk call did, key by key; one key that fails never fails the others. */
export interface BulkResult {
  readonly successful: number;
  readonly failed: number;
  readonly errors: readonly BulkError[];
  readonly batches: number;
  /** Client commands sent, as MONITOR shows them. */
  readonly commands: number;
  readonly durationMs: number;
}

export interface BulkError {
  readonly key: string;
  readonly code: string;
  readonly detail: string;
}

export interface BulkOptions {
  /** Items a command. Default 50 for writes, 500 for reads and deletions, where a key is all that is sent. */
  readonly batchSize?: number;
  /** Batches under way at once. Default 4. */
  readonly concurrency?: number;
}

export interface BulkWriteOptions extends BulkOptions {
  /** Ends it between two batches: keys of those that were not begun fail with `BULK_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
}

/** Runs `work` over `items` in batches, a few at a time, and keeps what failed beside the keys it failed for. */
export async function inBatches<Item>(
  items: readonly Item[],
  options: Required<BulkOptions> & Pick<BulkWriteOptions, 'signal'>,
  keyOf: (item: Item) => string,
  work: (batch: readonly Item[], offset: number) => Promise<readonly BulkError[]>,
): Promise<BulkResult> {
  const startedAt = performance.now();
  const errors: BulkError[] = [];
  const offsets = Array.from(
    { length: Math.ceil(items.length / options.batchSize) },
    (_, index) => index * options.batchSize,
  );
  const remaining = offsets[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (const offset of remaining) {
      const batch = items.slice(offset, offset + options.batchSize);
      try {
        if (options.signal?.aborted === true) throw new BulkAbortedError();
        errors.push(...(await work(batch, offset)));
      } catch (error) {
        errors.push(...batch.map((item) => bulkError(keyOf(item), error)));
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.concurrency, offsets.length) }, lane));
  return {
    successful: items.length - errors.length,
    failed: errors.length,
    errors,
    batches: offsets.length,
    commands: offsets.length,
    durationMs: performance.now() - startedAt,
  };
}

export function bulkError(key: string, error: unknown): BulkError {
  if (error instanceof HoldfastError) return { key, code: error.code, detail: error.message };
  return { key, code: 'INTERNAL', detail: error instanceof Error ? error.message : String(error) };
}
