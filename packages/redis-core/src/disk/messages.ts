/** What the process of the disk is told. It serves one after another. */
export type DiskRequest = { readonly id: number } &
  /** Imports the module that serves a file, which is no matter of its disk. */
  (
    | { readonly kind: 'load'; readonly module: string }
    | { readonly kind: 'open'; readonly file: string; readonly module: string; readonly args: readonly unknown[] }
    | { readonly kind: 'call'; readonly file: string; readonly name: string; readonly args: readonly unknown[] }
    | { readonly kind: 'prove'; readonly file: string }
    /** Releases all files. */
    | { readonly kind: 'close' }
  );

/** A request without its number. */
export type DiskTask = DiskRequest extends infer Request
  ? Request extends DiskRequest
    ? Omit<Request, 'id'>
    : never
  : never;

export type DiskReply = {
  readonly id: number;
  /** Of the file, after this; absent while it is not open. */
  readonly totals?: unknown;
} & ({ readonly value: unknown } | { readonly error: DiskErrorReply });

export interface DiskErrorReply {
  readonly message: string;
  /** The result code of SQLite, where it comes from there. */
  readonly errcode?: number;
}

/** The first message of the process: it waits for requests. */
export const readyId = 0;
