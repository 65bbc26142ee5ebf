import type { Cache, CacheEntry, ReadItem } from '@holdfast/cache';
import { checkJson, encodeKeyPart, HoldfastError } from '@holdfast/redis-core';
import { detailOf } from './entry-reply.ts';
import { isJsonType } from './entry-input.ts';

/** Keys of the first page, whose entries may be as large as they come. */
const FIRST_PAGE = 32;
const LARGEST_PAGE = 500;
/** What the entries of one page should have together; the next page has as many keys as the largest entry so far allows. */
const PAGE_BYTES = 4 * 1024 * 1024;

/**
 * The answer of `bulk/get`, a page of keys at a time, so that the process holds one page of it however large the whole
 * becomes. A page has a few megabytes where entries are alike; how large those are that come next nobody knows before they
 * are read, so it has more where large ones follow small ones. The first page is read before the first byte is sent: if
 * that fails, so does the request. Later the status has left already, and a page that fails says so item by item. `signal`
 * ends it between two pages.
 */
export async function bulkAnswer(
  cache: Cache,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<AsyncIterable<Buffer>> {
  const first = await readPage(cache, keys.slice(0, FIRST_PAGE));
  return answer(cache, keys, first, signal);
}

async function* answer(
  cache: Cache,
  keys: readonly string[],
  first: Page,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  let page = first;
  let offset = page.count;
  let largest = page.largest;
  yield Buffer.concat([Buffer.from('{"items":['), ...page.parts]);
  while (offset < keys.length) {
    if (signal.aborted) return;
    const fitting = Math.floor(PAGE_BYTES / Math.max(1, largest));
    const wanted = keys.slice(offset, offset + Math.min(LARGEST_PAGE, Math.max(1, fitting)));
    page = await readPage(cache, wanted).catch((error: unknown) => failedPage(wanted, error));
    offset += page.count;
    largest = Math.max(largest, page.largest);
    yield Buffer.concat([comma, ...page.parts]);
  }
  yield Buffer.from(']}');
}

interface Page {
  readonly count: number;
  /** Bytes of its largest entry. */
  readonly largest: number;
  readonly parts: readonly Buffer[];
}

const comma = Buffer.from(',');
const notRead: ReadItem = { entry: null, layer: 'l2' };

/** A key that is not allowed is an error of its own and is not asked for. */
async function readPage(cache: Cache, keys: readonly string[]): Promise<Page> {
  const refused = new Map(keys.flatMap((key): [string, HoldfastError][] => errorOf(key)));
  const asked = keys.filter((key) => !refused.has(key));
  const read = await cache.readManyDetailed(asked);
  const byPosition = read[Symbol.iterator]();
  let largest = 0;
  const parts = keys.flatMap((key, index): Buffer[] => {
    const error = refused.get(key);
    const { entry, layer } = (error === undefined ? byPosition.next().value : undefined) ?? notRead;
    largest = Math.max(largest, entry?.body.length ?? 0);
    const item = error === undefined ? itemOf(key, entry, layer) : [failedItem(key, error)];
    return index === 0 ? item : [comma, ...item];
  });
  return { count: keys.length, largest, parts };
}

function failedPage(keys: readonly string[], error: unknown): Page {
  const known = error instanceof HoldfastError ? error : { code: 'INTERNAL', message: 'These keys could not be read.' };
  const parts = keys.flatMap((key, index) => [...(index === 0 ? [] : [comma]), failedItem(key, known)]);
  return { count: keys.length, largest: 0, parts };
}

function errorOf(key: string): [string, HoldfastError][] {
  try {
    encodeKeyPart(key);
    return [];
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return [[key, error]];
  }
}

function failedItem(key: string, { code, message }: { readonly code: string; readonly message: string }): Buffer {
  return Buffer.from(JSON.stringify({ key, found: false, error: { code, detail: message } }));
}

/** JSON comes as it is, anything else in base64. What comes can be written back with `bulk/set`. */
function itemOf(key: string, entry: CacheEntry | null, layer: ReadItem['layer']): Buffer[] {
  if (entry === null) {
    // Redis may hold it, and cannot be asked.
    const detail = layer === 'fallback' ? { detail: layer } : {};
    return [Buffer.from(JSON.stringify({ key, found: false, ...detail }))];
  }
  const { ttlMs, body, contentType } = entry;
  const rest = ttlMs === null ? { detail: detailOf(entry) } : { ttlMs: Math.ceil(ttlMs), detail: detailOf(entry) };
  if (isJsonType(contentType) && isJson(body)) {
    const type = contentType === 'application/json' ? {} : { contentType };
    const head = JSON.stringify({ key, found: true, ...rest, ...type });
    return [Buffer.from(`${head.slice(0, -1)},"value":`), body, closing];
  }
  return [Buffer.from(JSON.stringify({ key, found: true, ...rest, contentType, bytes: body.toString('base64') }))];
}

const closing = Buffer.from('}');

/** Who writes through the library may say JSON of what is none, or of what few can parse: it must not break the answer for the others. */
function isJson(body: Buffer): boolean {
  return checkJson(body) === 'valid';
}
