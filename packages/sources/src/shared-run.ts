import { SourceSyncAbortedError } from './errors.ts';
import type { SyncOptions, SyncProgress } from './options.ts';

interface Run<Result> {
  readonly result: Promise<Result>;
  readonly controller: AbortController;
  readonly callers: Set<SyncOptions>;
}

/**
 * Lets one run serve all who ask for it while it is under way. Everybody sees its progress and its outcome; it is
 * cancelled when the last caller has given up, and a caller that gives up earlier leaves it running.
 */
export class SharedRun<Result> {
  readonly #work: (options: Required<SyncOptions>) => Promise<Result>;
  #current: Run<Result> | undefined;

  /** `work` must end soon after its signal is aborted. */
  constructor(work: (options: Required<SyncOptions>) => Promise<Result>) {
    this.#work = work;
  }

  /** @throws what the run throws, or {@link SourceSyncAbortedError} once the caller's signal is aborted. */
  async join(caller: SyncOptions): Promise<Result> {
    // A cancelled run is on its way out and serves nobody any more.
    while (this.#current?.controller.signal.aborted === true) await settled(this.#current.result);
    if (caller.signal?.aborted === true) throw abortedError(caller.signal);
    const entry = { ...caller };
    const run = (this.#current ??= this.#start(entry));
    run.callers.add(entry);
    const left = Promise.withResolvers<never>();
    const onAbort = (): void => {
      run.callers.delete(entry);
      // The last one waits for the end of the run, so that nothing is written after its call has returned.
      if (run.callers.size === 0) run.controller.abort(caller.signal?.reason);
      else if (caller.signal !== undefined) left.reject(abortedError(caller.signal));
    };
    caller.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([run.result, left.promise]);
    } finally {
      caller.signal?.removeEventListener('abort', onAbort);
      run.callers.delete(entry);
    }
  }

  /** The first caller is there from the start, so that it misses no progress. */
  #start(first: SyncOptions): Run<Result> {
    const controller = new AbortController();
    const callers = new Set([first]);
    const onProgress = (progress: SyncProgress): void => {
      for (const caller of callers) caller.onProgress?.(progress);
    };
    const result = this.#work({ signal: controller.signal, onProgress }).finally(() => {
      this.#current = undefined;
    });
    return { result, controller, callers };
  }
}

export function abortedError(signal: AbortSignal): SourceSyncAbortedError {
  return new SourceSyncAbortedError('The sync was cancelled; nothing was pruned.', { cause: signal.reason });
}

async function settled(promise: Promise<unknown>): Promise<void> {
  await promise.then(
    () => undefined,
    () => undefined,
  );
}
