/** One remote collection and how it is read; what the configuration produces for each entry of `sources`. */
export interface SourceOptions {
  /** Appears in keys, errors and metrics, and as the origin of the entries. */
  readonly name: string;
  /** The cache namespace that holds the items, usually the name. */
  readonly namespace: string;
  /** Path of the collection below the upstream's base URL; may carry a fixed query string. */
  readonly path: string;
  /** Where a page keeps its items; dots descend (`data.instances`). An empty text: the page itself is the list. */
  readonly itemsField: string;
  /** The field of an item that holds its id: a text of 1 to 512 bytes or a safe integer. */
  readonly idField: string;
  readonly pagination: Pagination;
  /** How long one request may take, body included. */
  readonly timeoutMs: number;
  /** A collection of more pages is refused. */
  readonly maxPages: number;
  /** A collection of more items is refused. */
  readonly maxItems: number;
  /** A page of more bytes (after decompression) is refused. */
  readonly maxPageBytes: number;
  /** Whether an empty upstream may empty the mirror. Default false: it is taken for a fault. */
  readonly allowEmpty?: boolean;
  /** An item older than this is served as stale until a sync confirms it. */
  readonly softTtlMs: number;
}

export type Pagination =
  | {
      readonly kind: 'page';
      /** Query parameter of the page number; the first page is 1. */
      readonly pageParam: string;
      readonly sizeParam: string;
      /** Items asked for per page. */
      readonly size: number;
      /**
       * Where a page says how many items there are in all; dots descend. With it, pages are fetched concurrently and a
       * page that was cut short is noticed; without it, reading goes on until a page brings nothing new.
       */
      readonly totalField?: string;
    }
  | { readonly kind: 'none' };

/** The API that a source belongs to. */
export interface UpstreamOptions {
  /** `http` or `https`, without credentials, query or fragment; a path is kept as a prefix. */
  readonly baseUrl: string;
  /** Sent as `Authorization: Bearer`; never appears in errors or events. */
  readonly apiKey?: string;
}

export interface SyncOptions {
  /** Ends the sync: between two steps while it writes, at once while it fetches. */
  readonly signal?: AbortSignal;
  /** Called often; it must not throw and should be cheap. */
  readonly onProgress?: (progress: SyncProgress) => void;
}

export interface SyncProgress {
  readonly phase: 'fetch' | 'write' | 'prune';
  /** Pages while fetching, items otherwise. */
  readonly done: number;
  /** `null` while it is not known. */
  readonly total: number | null;
}

/** What one successful sync did. */
export interface SyncReport {
  /** When it ended, ISO 8601. */
  readonly at: string;
  readonly durationMs: number;
  /** Items that the upstream has. */
  readonly fetched: number;
  /** Items that were new, changed, or no longer in the cache. */
  readonly updated: number;
  readonly unchanged: number;
  /** Items that the upstream no longer has. */
  readonly deleted: number;
  /** Always 0: a sync with a failed write is a failed sync, which prunes nothing and reports by its error. */
  readonly failed: number;
  /**
   * Redis commands of the whole sync, the one that stores this report included. MONITOR shows up to four more when the
   * server does not know the write script yet.
   */
  readonly commands: number;
  /** Requests that the upstream answered. */
  readonly pages: number;
}

export interface SourceState {
  readonly name: string;
  readonly url: string;
  /** Items in the mirror. */
  readonly items: number;
  /** The last sync that succeeded. */
  readonly lastSync?: SyncReport;
  /** The last sync that failed; kept for the record when a later one succeeds. */
  readonly lastError?: SyncFailure;
  /** ISO 8601; set by the service, which knows the schedule. */
  readonly nextSync?: string;
  /** Whether the last attempt succeeded; false before the first one. */
  readonly healthy: boolean;
}

export interface SyncFailure {
  readonly at: string;
  readonly code: string;
  readonly message: string;
}

export interface ItemsPage {
  readonly cursor?: string;
  /** Default 100, at most 1000. */
  readonly limit?: number;
}

export interface ItemsReply {
  /** Parsed items in the byte order of their ids; fewer than `limit` where the cache evicted some. */
  readonly items: unknown[];
  /** `null` after the last page. */
  readonly cursor: string | null;
}
