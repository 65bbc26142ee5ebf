import { HoldfastError } from '@holdfast/redis-core';
import type { Keys, RedisEngine } from '@holdfast/redis-core';
import type { SyncFailure, SyncReport } from './options.ts';

export interface StoredState {
  readonly lastSync?: SyncReport;
  readonly lastError?: SyncFailure;
  readonly healthy: boolean;
  /** The index of the mirror has the mark that says so: one member more than items. */
  readonly isSearchDue: boolean;
}

/** What is remembered of the syncs of one source: a hash, shared by all processes. */
export class SyncState {
  readonly #engine: RedisEngine;
  readonly #key: string;

  constructor(engine: RedisEngine, keys: Keys, source: string) {
    this.#engine = engine;
    this.#key = keys.sourceState(source);
  }

  /** One command. */
  async succeeded(report: SyncReport, isSearchDue: boolean): Promise<void> {
    const searchDue = isSearchDue ? '1' : '0';
    await this.#engine.hset(this.#key, { outcome: 'ok', lastSync: JSON.stringify(report), searchDue });
  }

  /** Keeps the last success. */
  async failed(failure: SyncFailure): Promise<void> {
    await this.#engine.hset(this.#key, { outcome: 'failed', lastError: JSON.stringify(failure) });
  }

  async read(): Promise<StoredState> {
    const fields = await this.#engine.hgetall(this.#key);
    const lastSync = parse(fields.get('lastSync')) as SyncReport | undefined;
    const lastError = parse(fields.get('lastError')) as SyncFailure | undefined;
    return {
      ...(lastSync === undefined ? {} : { lastSync }),
      ...(lastError === undefined ? {} : { lastError }),
      healthy: fields.get('outcome')?.toString() === 'ok',
      isSearchDue: fields.get('searchDue')?.toString() === '1',
    };
  }
}

/** Only errors that were made for readers are shown; another one might quote what is not for them. */
export function failureOf(error: unknown, at: string): SyncFailure {
  if (error instanceof HoldfastError) return { at, code: error.code, message: error.message };
  return { at, code: 'INTERNAL', message: 'The sync failed unexpectedly.' };
}

/** This package wrote the field, so its shape is known; a text that somebody else put there counts as absent. */
function parse(bytes: Buffer | undefined): unknown {
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
