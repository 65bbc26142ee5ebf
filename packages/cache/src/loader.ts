import { HoldfastError } from '@holdfast/redis-core';
import { cacheErrors } from './errors.ts';

/** What `getOrSet` calls on a miss. `undefined` means that there is nothing: see `negativeTtlMs`. */
export type Loader<Value> = (context: LoaderContext<Value>) => Promise<Value | undefined> | Value | undefined;

export interface LoaderContext<Value> {
  readonly key: string;
  /** Aborted at the hard time-out. */
  readonly signal: AbortSignal;
  /** The value that is being replaced, where there is one that may still be served. */
  readonly stale: Value | undefined;
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
export async function runLoader<Value>(
  loader: Loader<Value>,
  context: { readonly key: string; readonly stale: Value | undefined; readonly timeoutMs: number },
): Promise<Loaded> {
  const { key, stale, timeoutMs } = context;
  const controller = new AbortController();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const error = new LoaderTimeoutError(key, timeoutMs);
    controller.abort(error);
    late.reject(error);
  }, timeoutMs);
  let ttlMs: number | null | undefined;
  let tags: readonly string[] | undefined;
  try {
    const running = (async () =>
      loader({
        key,
        stale,
        signal: controller.signal,
        setTtl: (value) => {
          ttlMs = value;
        },
        setTags: (value) => {
          tags = value;
        },
      }))();
    const value = await Promise.race([running, late.promise]);
    return { value, ttlMs, tags };
  } finally {
    clearTimeout(timer);
  }
}
