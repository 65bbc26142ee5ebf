import type { CacheEntry } from '@holdfast/cache';
import { publishEvent } from './channels.ts';
import { readCollection } from './collection-reader.ts';
import { SourceCursorInvalidError } from './errors.ts';
import { MirrorIndex } from './mirror-index.ts';
import { isMirrored, sourceOrigin, writeMirror } from './mirror-writer.ts';
import { checkItemsPage, checkMirrorOptions, checkSyncOptions } from './option-rules.ts';
import { SharedRun, abortedError } from './shared-run.ts';
import { SyncState, failureOf } from './sync-state.ts';
import { UpstreamClient } from './upstream-client.ts';
import type { MirrorParts } from './mirror-writer.ts';
import type { ItemsPage, ItemsReply, SourceState, SyncOptions, SyncReport, UpstreamOptions } from './options.ts';

export interface MirrorOptions extends MirrorParts {
  readonly upstream: UpstreamOptions;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1_000;

/**
 * A copy of one remote collection in the cache: filled by `sync`, read by `item` and `items`. The items are ordinary
 * entries of the source's cache namespace, under their ids.
 *
 * While Redis is away every method rejects with the engine's error; while the upstream is away only `sync` does.
 */
export class Mirror {
  readonly name: string;
  readonly #parts: MirrorParts;
  readonly #client: UpstreamClient;
  readonly #state: SyncState;
  readonly #syncs: SharedRun<SyncReport>;
  readonly #now: () => number;

  /**
   * @throws {OptionInvalidError} naming the option that is not allowed.
   * @throws {UpstreamUrlInvalidError} when the address or the key cannot be used.
   */
  constructor(options: MirrorOptions) {
    checkMirrorOptions(options);
    this.name = options.source.name;
    this.#parts = options;
    this.#client = new UpstreamClient(options.upstream);
    this.#state = new SyncState(options.engine, options.keys, this.name);
    this.#syncs = new SharedRun((run) => this.#sync(run));
    this.#now = options.now ?? Date.now;
  }

  /**
   * Makes the mirror equal to the upstream: fetches and checks every page, then writes every item, then removes what the
   * upstream no longer has. Whatever fails before the last step leaves every mirrored item in place.
   *
   * A call during a sync of the same mirror joins it. The outcome is kept in `state()` and published as
   * `holdfast:sources:sync`.
   *
   * @throws an `Upstream…Error`, `SourceEmptyError`, `SourceWriteError`, `SourceSyncAbortedError`, or the engine's error.
   */
  async sync(options: SyncOptions = {}): Promise<SyncReport> {
    checkSyncOptions(options);
    return this.#syncs.join(options);
  }

  /** One item as it is stored, or `null`; one command. `stale` says that no sync has confirmed it for `softTtlMs`. */
  async item(id: string): Promise<CacheEntry | null> {
    const { cache, source } = this.#parts;
    const entry = await cache.read(id);
    if (!isMirrored(entry, sourceOrigin(source))) return null;
    return { ...entry, stale: entry.stale || this.#now() - entry.createdAt > source.softTtlMs };
  }

  /** One page of items in the byte order of their ids; two commands. Items that stay are seen once over all pages. */
  async items(page: ItemsPage = {}): Promise<ItemsReply> {
    checkItemsPage(page);
    const { cache, source } = this.#parts;
    const limit = Math.min(Math.max(1, Math.trunc(page.limit ?? DEFAULT_PAGE)), MAX_PAGE);
    const after = page.cursor === undefined ? undefined : decodeCursor(page.cursor);
    const ids = await this.#index().page(limit, after);
    const entries = ids.length === 0 ? [] : await cache.readMany(ids, { batchSize: MAX_PAGE });
    const items = entries
      .filter((entry) => isMirrored(entry, sourceOrigin(source)))
      .map((entry): unknown => JSON.parse(entry.body.toString()));
    const last = ids.at(-1);
    return { items, cursor: ids.length < limit || last === undefined ? null : encodeCursor(last) };
  }

  /** Two commands. */
  async state(): Promise<SourceState> {
    const [{ isSearchDue, ...stored }, members] = await Promise.all([this.#state.read(), this.#index().count()]);
    const items = Math.max(0, members - (isSearchDue ? 1 : 0));
    return { name: this.name, url: this.#client.url(this.#parts.source.path), items, ...stored };
  }

  async #sync(options: Required<SyncOptions>): Promise<SyncReport> {
    const startedAt = performance.now();
    let fetched = 0;
    try {
      const collection = await readCollection(this.#client, this.#parts.source, options);
      fetched = collection.items.size;
      const counts = await writeMirror(this.#parts, collection.items, options);
      const report: SyncReport = {
        at: this.#time(),
        durationMs: Math.round(performance.now() - startedAt),
        fetched,
        updated: counts.updated,
        unchanged: counts.unchanged,
        deleted: counts.deleted,
        failed: 0,
        // And the one that stores this report.
        commands: counts.commands + 1,
        pages: collection.pages,
      };
      await this.#state.succeeded(report, counts.isSearchDue);
      this.#publish(report);
      return report;
    } catch (error) {
      const failure = options.signal.aborted ? abortedError(options.signal) : error;
      await this.#noteFailure(failure, performance.now() - startedAt, fetched);
      throw failure;
    }
  }

  async #noteFailure(error: unknown, durationMs: number, fetched: number): Promise<void> {
    const failure = failureOf(error, this.#time());
    publishEvent('holdfast:sources:sync', () => ({
      source: this.name,
      outcome: 'failed',
      durationMs: Math.round(durationMs),
      fetched,
      updated: 0,
      unchanged: 0,
      deleted: 0,
      code: failure.code,
    }));
    try {
      await this.#state.failed(failure);
    } catch {
      // Redis is away as well: the caller gets the first error, which is the one that matters.
    }
  }

  #publish({ durationMs, fetched, updated, unchanged, deleted }: SyncReport): void {
    publishEvent('holdfast:sources:sync', () => ({
      source: this.name,
      outcome: 'ok',
      durationMs,
      fetched,
      updated,
      unchanged,
      deleted,
    }));
  }

  /** A new one each time: it counts the commands of one operation. */
  #index(): MirrorIndex {
    return new MirrorIndex(this.#parts.engine, this.#parts.keys, this.name);
  }

  #time(): string {
    return new Date(this.#now()).toISOString();
  }
}

function encodeCursor(id: string): string {
  return Buffer.from(id).toString('base64url');
}

function decodeCursor(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString();
  if (cursor === '' || encodeCursor(id) !== cursor) throw new SourceCursorInvalidError();
  return id;
}
