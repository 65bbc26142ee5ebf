import { UpstreamChangingError } from './errors.ts';
import { outlineBoundsOf, readPage } from './page.ts';
import { Pages } from './pages.ts';
import type { Page } from './page.ts';
import type { SourceOptions, SyncOptions } from './options.ts';
import type { UpstreamClient } from './upstream-client.ts';

const PAGES_AT_ONCE = 4;
const READINGS = 3;

export interface Collection {
  /** Bodies by id. */
  readonly items: ReadonlyMap<string, string>;
  /** Requests that were answered, those of readings that were given up included. */
  readonly pages: number;
}

/**
 * Reads a whole collection: the first page, then the rest, four at a time where their number is known. A collection that
 * moved between two pages is read again, three times in all.
 *
 * @throws an `Upstream…Error` for the first page that is wrong (the others are cancelled), or the signal's reason.
 */
export async function readCollection(
  client: UpstreamClient,
  source: SourceOptions,
  options: SyncOptions = {},
): Promise<Collection> {
  let answered = 0;
  for (let reading = 0; reading < READINGS; reading += 1) {
    const pages = new Pages(source);
    options.onProgress?.({ phase: 'fetch', done: 0, total: null });
    await readAll(client, source, pages, options, () => {
      answered += 1;
    });
    const { items, consistent } = pages.reading();
    if (consistent) return { items, pages: answered };
  }
  throw new UpstreamChangingError(`"${source.name}" changed while it was read, ${READINGS} times in a row.`);
}

async function readAll(
  client: UpstreamClient,
  source: SourceOptions,
  pages: Pages,
  options: SyncOptions,
  onAnswer: () => void,
): Promise<void> {
  let done = 0;
  for (let due = pages.due(); due.length > 0; due = pages.due()) {
    const failure = new AbortController();
    const signal = options.signal === undefined ? failure.signal : AbortSignal.any([failure.signal, options.signal]);
    try {
      const batch = due.slice(0, PAGES_AT_ONCE).map(async (number) => {
        const page = await fetchPage(client, source, number, signal);
        onAnswer();
        return page;
      });
      for (const page of await Promise.all(batch)) {
        pages.add(page);
        done += 1;
        options.onProgress?.({ phase: 'fetch', done, total: pages.expected });
      }
    } catch (error) {
      failure.abort(error);
      throw error;
    }
  }
}

async function fetchPage(
  client: UpstreamClient,
  source: SourceOptions,
  number: number,
  signal: AbortSignal,
): Promise<Page> {
  const { pagination } = source;
  const query =
    pagination.kind === 'none'
      ? {}
      : { [pagination.pageParam]: String(number), [pagination.sizeParam]: String(pagination.size) };
  const { path, timeoutMs, maxPageBytes: maxBytes } = source;
  const page = await client.getOutline({ path, query, timeoutMs, maxBytes, signal }, outlineBoundsOf(source));
  return readPage(page, number, source);
}
