import { setImmediate } from 'node:timers/promises';
import { BatchRoom, HoldfastError, Turns } from '@holdfast/redis-core';
import { BulkAbortedError } from './errors.ts';

/** What a bulk call did, key by key; one key that fails never fails the others. */
export interface BulkResult {
  readonly successful: number;
  readonly failed: number;
  readonly errors: readonly BulkError[];
  /** Keys that were changed in this process only, as Redis is away for them: it is told to forget them as soon as it is back. */
  readonly fallback: readonly string[];
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
  /**
   * Items a command. Default 50 for writes, 500 for reads and deletions, where a key is all that is sent. A command has
   * fewer where these would be more than 1 MB of keys and values.
   */
  readonly batchSize?: number;
  /** Batches under way at once. Default 4. */
  readonly concurrency?: number;
}

export interface BulkWriteOptions extends BulkOptions {
  /** Ends it between two batches: keys of those that were not begun fail with `BULK_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
}

/** What is done with many items. */
export interface BulkWork<Item, Prepared> {
  readonly keyOf: (item: Item) => string;
  /** What is sent of an item; asked for only when its batch is next. What it throws is the error of this item alone. */
  readonly prepare: (item: Item) => Prepared;
  /** Of what is sent. */
  readonly bytesOf: (prepared: Prepared) => number;
  /** Sends a batch; replies the errors of its items. `places`: of its items among all. */
  readonly send: (
    batch: readonly Prepared[],
    places: readonly number[],
    onFallback: (keys: readonly string[]) => void,
  ) => Promise<readonly BulkError[]>;
  /** All is done: what was sent, and with how many commands. */
  readonly onEnd?: (work: SharedWork) => void;
}

export interface SharedWork {
  readonly operations: number;
  readonly commands: number;
  readonly failed: number;
  readonly durationMs: number;
}

interface Batch<Prepared> {
  readonly prepared: Prepared[];
  /** Of its items among all. */
  readonly places: number[];
}

/**
 * Carries out work over items in batches, a few at a time, and keeps what failed beside the keys it failed for. A batch has
 * at most `batchSize` items and `MAX_BATCH_BYTES`; while Redis is at work on one, the next is prepared.
 */
export async function inBatches<Item, Prepared>(
  items: readonly Item[],
  options: Required<BulkOptions> & Pick<BulkWriteOptions, 'signal'>,
  { keyOf, prepare, bytesOf, send, onEnd }: BulkWork<Item, Prepared>,
): Promise<BulkResult> {
  const startedAt = performance.now();
  const errors: BulkError[] = [];
  const fallback: string[] = [];
  let batches = 0;
  let sent = 0;
  let next = 0;
  /** Prepared for a batch that had no room for it. */
  let ahead: { readonly prepared: Prepared } | undefined;
  const preparedAt = (place: number): { readonly prepared: Prepared } | undefined => {
    const item = items[place];
    if (item === undefined) return undefined;
    try {
      return { prepared: prepare(item) };
    } catch (error) {
      errors.push(bulkError(keyOf(item), error));
      return undefined;
    }
  };
  const take = (): Batch<Prepared> => {
    const room = new BatchRoom(options.batchSize);
    const batch: Batch<Prepared> = { prepared: [], places: [] };
    const end = Math.min(items.length, next + options.batchSize);
    for (; next < end; next += 1) {
      ahead ??= preparedAt(next);
      if (ahead === undefined) continue;
      if (!room.take(1, bytesOf(ahead.prepared))) break;
      batch.prepared.push(ahead.prepared);
      batch.places.push(next);
      ahead = undefined;
    }
    return batch;
  };
  const failed = (places: Iterable<number>, error: unknown): void => {
    for (const place of places) {
      const item = items[place];
      if (item !== undefined) errors.push(bulkError(keyOf(item), error));
    }
  };
  /** An engine in memory waits for nothing. */
  const turns = new Turns();
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      if (options.signal?.aborted === true) {
        failed(numbers(next, items.length), new BulkAbortedError());
        next = items.length;
        return;
      }
      const { prepared, places } = take();
      if (places.length === 0) {
        // None of them could be sent, so that no round trip is waited for: others get their turn.
        await setImmediate();
        continue;
      }
      batches += 1;
      sent += places.length;
      try {
        const changedHere = fallback.length;
        errors.push(...(await send(prepared, places, (keys) => fallback.push(...keys))));
        let turn: Promise<void> | undefined;
        for (const one of prepared) turn = turns.worked(bytesOf(one)) ?? turn;
        await turn;
        // No round trip was waited for: others get their turn.
        if (fallback.length > changedHere) await setImmediate();
      } catch (error) {
        failed(places, error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.concurrency, items.length) }, lane));
  const durationMs = performance.now() - startedAt;
  onEnd?.({ operations: sent, commands: batches, failed: errors.length, durationMs });
  return {
    successful: items.length - errors.length,
    failed: errors.length,
    errors,
    fallback,
    batches,
    commands: batches,
    durationMs,
  };
}

function* numbers(start: number, end: number): Generator<number> {
  for (let number = start; number < end; number += 1) yield number;
}

export function bulkError(key: string, error: unknown): BulkError {
  if (error instanceof HoldfastError) return { key, code: error.code, detail: error.message };
  return { key, code: 'INTERNAL', detail: error instanceof Error ? error.message : String(error) };
}
