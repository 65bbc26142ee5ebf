import { HoldfastError } from '@holdfast/redis-core';
import { cacheErrors } from './errors.ts';
import type { ReadonlyDeep } from './readonly-deep.ts';

/**
 * What `getOrSet` calls on a miss. `undefined` means that there is nothing: see `negativeTtlMs`. What it is given has a
 * type of its own, so that its own type can be inferred from what it returns.
 */
export type Loader<Value, Stale = Exclude<Value, undefined>> = (
  context: LoaderContext<Stale>,
) => Promise<Value> | Value;

export interface LoaderContext<Stale> {
  readonly key: string;
  /** Aborted at the hard time-out. */
  readonly signal: AbortSignal;
  /** The value that is being replaced, where there is one that may still be served. */
  readonly stale: ReadonlyDeep<Stale> | undefined;
  /** Time to live of what is loaded; `null`: no expiry. */
  readonly setTtl: (ttlMs: number | null) => void;
  /** Tags of what is loaded. */
  readonly setTags: (tags: readonly string[]) => void;
}

export interface LoadOptions {
  /** Default: the namespace's. */
  readonly ttlMs?: number | null;
  readonly tags?: readonly string[];
  /** Beyond `ttlMs`, for so long an entry is kept to be served when its loader fails. Default: the namespace's. */
  readonly graceMs?: number;
  /** Where there is a value to fall back on: for so long the caller waits for the loader, which goes on. */
  readonly softTimeoutMs?: number;
  /** For so long a loader may run; then its signal is aborted and the call fails (or falls back). Default 30 s. */
  readonly hardTimeoutMs?: number;
  /** For so long "there is nothing" is kept. Default: the namespace's; without it not at all. */
  readonly negativeTtlMs?: number;
}

/** A loader failed, and there was nothing to fall back on. `cause` is its error, where it failed in this process. */
export class LoaderFailedError extends HoldfastError {
  constructor(key: string, message: string, options?: { readonly cause?: unknown }) {
    super(cacheErrors.loaderFailed, `Loading ${JSON.stringify(key)} failed: ${message}`, options);
  }
}

export class LoaderTimeoutError extends HoldfastError {
  constructor(key: string, timeoutMs: number) {
    super(cacheErrors.loaderTimeout, `Loading ${JSON.stringify(key)} took longer than ${timeoutMs} ms.`);
  }
}

/** What one run of a loader came to. */
export interface Loaded {
  readonly value: unknown;
  /** `undefined`: it set none. */
  readonly ttlMs: number | null | undefined;
  readonly tags: readonly string[] | undefined;
}

/** Runs a loader once, within its hard time-out. */
export function runLoader<Stale>(
  loader: Loader<unknown, Stale>,
  {
    key,
    stale,
    timeoutMs,
  }: { readonly key: string; readonly stale: ReadonlyDeep<Stale> | undefined; readonly timeoutMs: number },
): Promise<Loaded> {
  return new Promise((resolve, reject) => {
    const run = new Run<Stale>(key, stale);
    const timer = setTimeout(() => {
      const error = new LoaderTimeoutError(key, timeoutMs);
      run.abort(error);
      reject(error);
    }, timeoutMs);
    (async () => loader(run))().then(
      (value) => {
        clearTimeout(timer);
        resolve({ value, ttlMs: run.ttlMs, tags: run.tags });
        return undefined;
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

class Run<Stale> implements LoaderContext<Stale> {
  readonly key: string;
  readonly stale: ReadonlyDeep<Stale> | undefined;
  ttlMs: number | null | undefined;
  tags: readonly string[] | undefined;
  /** Made for those who ask for it: it costs as much as all the rest of a run. */
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  constructor(key: string, stale: ReadonlyDeep<Stale> | undefined) {
    this.key = key;
    this.stale = stale;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  // Functions of their own, as loaders take them out of the context.
  readonly setTtl = (ttlMs: number | null): void => {
    this.ttlMs = ttlMs;
  };

  readonly setTags = (tags: readonly string[]): void => {
    this.tags = tags;
  };

  abort(reason: Error): void {
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}
