import { setImmediate as turn } from 'node:timers/promises';
import type { Cache, CacheEntry, ReadItem } from '@holdfast/cache';
import { checkJson, encodeKeyPart, HoldfastError } from '@holdfast/redis-core';
import { detailOf } from './entry-reply.ts';
import { isJsonType } from './entry-input.ts';

const LARGEST_PAGE = 500;
/** What the entries of one page have together, unless a single one has more. */
const PAGE_BYTES = 4 * 1024 * 1024;
/** Of memory while a page is made, for each of its bytes: as read, as base64 and as JSON, and as what is sent. */
const BYTES_WHILE_MADE = 6;

export interface BulkAnswerOptions {
  /** Ends it between two pages. */
  readonly signal: AbortSignal;
  /** Told before each page how much memory the answer takes from now on. What it throws is the answer, or that of the page. */
  readonly hold: (bytes: number) => void;
}

/**
 * The answer of `bulk/get`, a page of keys at a time, so that the process holds one page of it however large the whole
 * becomes. How large the entries are is asked before they are read: a page has a few megabytes. The first page is read before
 * the first byte is sent: if that fails, so does the request. Later the status has left already, and a page that fails says so
 * item by item.
 */
export async function bulkAnswer(
  cache: Cache,
  keys: readonly string[],
  options: BulkAnswerOptions,
): Promise<AsyncIterable<Buffer>> {
  const pages = new Pages(cache, keys, options.hold);
  const first = await pages.next();
  return answer(pages, first, options);
}

async function* answer(pages: Pages, first: Page, { signal, hold }: BulkAnswerOptions): AsyncGenerator<Buffer> {
  const begin = Buffer.concat([Buffer.from('{"items":['), ...first.parts]);
  hold(begin.length);
  yield begin;
  while (!pages.isAtEnd) {
    if (signal.aborted) return;
    const page = await pages.next().catch((error: unknown) => pages.failed(error));
    const bytes = Buffer.concat([comma, ...page.parts]);
    hold(bytes.length);
    yield bytes;
  }
  yield Buffer.from(']}');
}

/** Cuts the keys into pages by the sizes of their entries. */
class Pages {
  readonly #cache: Cache;
  readonly #keys: readonly string[];
  readonly #hold: (bytes: number) => void;
  #offset = 0;
  /** Of the keys from `#offset` on, as far as they were asked for. */
  #sizes: readonly number[] = [];
  #wanted: readonly string[] = [];

  constructor(cache: Cache, keys: readonly string[], hold: (bytes: number) => void) {
    this.#cache = cache;
    this.#keys = keys;
    this.#hold = hold;
  }

  get isAtEnd(): boolean {
    return this.#offset >= this.#keys.length;
  }

  /** The next page. After it comes the one behind it, whether it could be read or not. */
  async next(): Promise<Page> {
    if (this.#sizes.length === 0) {
      const { offset } = this.#take(LARGEST_PAGE);
      this.#sizes = await storedBytes(this.#cache, this.#wanted);
      this.#offset = offset;
    }
    const { count, bytes } = firstPage(this.#sizes);
    this.#take(count);
    this.#sizes = this.#sizes.slice(count);
    this.#hold(BYTES_WHILE_MADE * bytes);
    return readPage(this.#cache, this.#wanted);
  }

  #take(count: number): { readonly offset: number } {
    const offset = this.#offset;
    this.#wanted = this.#keys.slice(offset, offset + count);
    this.#offset += this.#wanted.length;
    return { offset };
  }

  /** What is sent in the place of a page that could not be read. */
  failed(error: unknown): Page {
    return failedPage(this.#wanted, error);
  }
}

/** How many of the sizes make a page, at least one, and how much they are together. */
function firstPage(sizes: readonly number[]): { readonly count: number; readonly bytes: number } {
  let [bytes = 0] = sizes;
  let count = 1;
  while (count < sizes.length && bytes + (sizes[count] ?? 0) <= PAGE_BYTES) {
    bytes += sizes[count] ?? 0;
    count += 1;
  }
  return { count, bytes };
}

interface Page {
  readonly parts: readonly Buffer[];
}

const comma = Buffer.from(',');
const notRead: ReadItem = { entry: null, layer: 'l2' };

/** A key that is not allowed is an error of its own and is not asked for. */
async function readPage(cache: Cache, keys: readonly string[]): Promise<Page> {
  const refused = new Map(keys.flatMap((key): [string, HoldfastError][] => errorOf(key)));
  const asked = keys.filter((key) => !refused.has(key));
  // Without a round trip to wait for, others get their turn by this.
  const read = asked.length === 0 ? await turn([]) : await cache.readManyDetailed(asked);
  const byPosition = read[Symbol.iterator]();
  const parts = keys.flatMap((key, index): Buffer[] => {
    const error = refused.get(key);
    const { entry, layer } = (error === undefined ? byPosition.next().value : undefined) ?? notRead;
    const item = error === undefined ? itemOf(key, entry, layer) : [failedItem(key, error)];
    return index === 0 ? item : [comma, ...item];
  });
  return { parts };
}

function failedPage(keys: readonly string[], error: unknown): Page {
  const known = error instanceof HoldfastError ? error : { code: 'INTERNAL', message: 'These keys could not be read.' };
  const parts = keys.flatMap((key, index) => [...(index === 0 ? [] : [comma]), failedItem(key, known)]);
  return { parts };
}

/** A key that is not allowed has nothing. */
async function storedBytes(cache: Cache, keys: readonly string[]): Promise<number[]> {
  const asked = keys.filter((key) => errorOf(key).length === 0);
  const sizes = (await cache.storedBytes(asked))[Symbol.iterator]();
  return keys.map((key) => (errorOf(key).length === 0 ? (sizes.next().value ?? 0) : 0));
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
