/** Messages between the shim (this process' main thread) and the thread that runs PGlite. Types only. */

/** What a thread is started with. */
export interface ThreadData {
  readonly directory: string;
  /** What this process may take. */
  readonly memoryBytes: number;
  /** SQL to begin with. */
  readonly session?: string;
  /** To listen to from the beginning. */
  readonly channels?: readonly string[];
}

export type ThreadRequest =
  | { readonly kind: 'query'; readonly id: number; readonly text: string; readonly params: readonly unknown[] | null }
  | { readonly kind: 'listen'; readonly id: number; readonly channel: string }
  | { readonly kind: 'close'; readonly id: number };

export type ThreadMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly error: ThreadError }
  | { readonly kind: 'result'; readonly id: number; readonly rows: readonly unknown[]; readonly rowCount: number }
  | { readonly kind: 'error'; readonly id: number; readonly error: ThreadError }
  | { readonly kind: 'notification'; readonly channel: string; readonly payload: string };

/** An error of PostgreSQL; `code` is its SQLSTATE, which BullMQ reads together with `detail`. */
export interface ThreadError {
  readonly message: string;
  readonly code?: string;
  readonly detail?: string;
}
