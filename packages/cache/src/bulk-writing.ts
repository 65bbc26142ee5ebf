import { byteLength } from '@holdfast/redis-core';
import {
  bulkError,
  type BulkError,
  type BulkOptions,
  type BulkResult,
  type BulkWriteOptions,
  inBatches,
} from './bulk.ts';
import type { CacheCore } from './cache-core.ts';
import { VALUE_TYPE } from './entry.ts';
import { checkBulkWriteOptions, checkSetItem } from './option-rules.ts';
import type { SetItem, WriteItem, WriteOutcome } from './options.ts';
import type { Writing } from './writing.ts';

export type BulkWriteResult = BulkResult & {
  /** In the order of the items; `null` for one that failed. */
  readonly outcomes: readonly (WriteOutcome | null)[];
};

export interface BulkRemoval extends BulkResult {
  /** How many of the keys were there. */
  readonly removed: number;
}

export interface SyncResult extends BulkResult {
  readonly updated: number;
  readonly deleted: number;
}

const WRITES_A_COMMAND = 50;
/** A key is all that is sent. */
const DELETIONS_A_COMMAND = 500;
const CONCURRENCY = 4;

/** Writes and removes many entries of one namespace, with few commands. */
export class BulkWriting {
  readonly #core: CacheCore;
  readonly #writing: Writing;

  constructor(core: CacheCore, writing: Writing) {
    this.#core = core;
    this.#writing = writing;
  }

  async write(items: readonly (WriteItem | SetItem)[], options: BulkWriteOptions): Promise<BulkWriteResult> {
    const outcomes: (WriteOutcome | null)[] = items.map(() => null);
    const result = await inBatches(items, this.#boundsOf(options, WRITES_A_COMMAND), {
      onEnd: (work) => this.#core.shared(work),
      keyOf: ({ key }) => key,
      prepare: (item) => ('value' in item ? this.#sealed(item) : item),
      bytesOf: bytesOfItem,
      send: async (batch, places, onFallback) => {
        const errors: BulkError[] = [];
        for (const [index, outcome] of (await this.#writing.write(batch, onFallback)).entries()) {
          const place = places[index];
          if (typeof outcome !== 'string') errors.push(bulkError(batch[index]?.key ?? '', outcome));
          else if (place !== undefined) outcomes[place] = outcome;
        }
        return errors;
      },
    });
    return { ...result, outcomes };
  }

  async set(items: readonly SetItem[], options: BulkWriteOptions): Promise<BulkResult> {
    return inBatches(items, this.#boundsOf(options, WRITES_A_COMMAND), {
      onEnd: (work) => this.#core.shared(work),
      keyOf: ({ key }) => key,
      prepare: (item) => this.#sealed(item),
      bytesOf: bytesOfItem,
      send: async (batch, _places, onFallback) => {
        const outcomes = await this.#writing.store(batch, onFallback);
        return outcomes.flatMap((error, index) => (error === null ? [] : [bulkError(batch[index]?.key ?? '', error)]));
      },
    });
  }

  async delete(keys: readonly string[], options: BulkWriteOptions): Promise<BulkRemoval> {
    let removed = 0;
    const result = await inBatches(keys, this.#boundsOf(options, DELETIONS_A_COMMAND), {
      onEnd: (work) => this.#core.shared(work),
      keyOf: (key) => key,
      prepare: (key) => {
        this.#core.complete(key);
        return key;
      },
      bytesOf: byteLength,
      send: async (batch, _places, onFallback) => {
        // Other batches are counted while this one is on its way.
        const gone = await this.#writing.delete(batch, onFallback);
        removed += gone;
        return [];
      },
    });
    return { ...result, removed };
  }

  async sync(
    updates: readonly (WriteItem | SetItem)[],
    deletions: readonly string[],
    options: BulkWriteOptions,
  ): Promise<SyncResult> {
    const written = await this.write(updates, options);
    const kept = new Set(updates.map(({ key }) => key));
    const gone = deletions.filter((key) => !kept.has(key));
    const bounds = { ...options, batchSize: this.#core.batchSize(DELETIONS_A_COMMAND) };
    const removed = await this.delete(gone, bounds);
    return {
      successful: written.successful + removed.successful,
      failed: written.failed + removed.failed,
      errors: [...written.errors, ...removed.errors],
      fallback: [...written.fallback, ...removed.fallback],
      batches: written.batches + removed.batches,
      commands: written.commands + removed.commands,
      durationMs: written.durationMs + removed.durationMs,
      updated: written.successful,
      deleted: removed.successful,
    };
  }

  #sealed(given: SetItem): WriteItem {
    checkSetItem(given);
    const { value, ...item } = given;
    return { ...item, body: this.#core.sealing.serialize(value), contentType: VALUE_TYPE };
  }

  #boundsOf(options: BulkWriteOptions, byDefault: number): Required<BulkOptions> & Pick<BulkWriteOptions, 'signal'> {
    checkBulkWriteOptions(options);
    return {
      signal: options.signal,
      batchSize: options.batchSize ?? this.#core.batchSize(byDefault),
      concurrency: options.concurrency ?? CONCURRENCY,
    };
  }
}

function bytesOfItem({ key, body }: WriteItem): number {
  return byteLength(key) + byteLength(body);
}
