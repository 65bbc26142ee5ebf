import {
  UpstreamIncompleteError,
  UpstreamInvalidError,
  UpstreamPageRepeatedError,
  UpstreamTooLargeError,
} from './errors.ts';
import type { Page } from './page.ts';
import type { SourceOptions } from './options.ts';

/** A collection that was read to its end. */
export interface Reading {
  /** Bodies by id. An id on two pages keeps the later one. */
  readonly items: ReadonlyMap<string, string>;
  /**
   * False when the collection moved between two pages: totals differ, or the ids are not as many as the total says. Such
   * a reading may lack items that exist, so nothing may be pruned by it; read again.
   */
  readonly consistent: boolean;
}

/**
 * Puts pages together and decides which ones are still due. No I/O. Pages are added in the order of their numbers.
 *
 * **With a total** every page but the last must be full. **Without one** a full page may always be followed by another,
 * and a page that is not full must be followed by one that brings nothing new: if it does bring something, the one
 * before had been cut short. (Half of the *last* page cannot be told from a smaller collection without a total.)
 */
export class Pages {
  readonly #source: SourceOptions;
  /** Infinity for a source without pagination. */
  readonly #size: number;
  readonly #items = new Map<string, string>();
  #added = 0;
  #total: number | undefined;
  #totalChanged = false;
  /** Number of the first page that was not full; only without a total. */
  #short: number | undefined;
  #ended = false;

  constructor(source: SourceOptions) {
    this.#source = source;
    this.#size = source.pagination.kind === 'page' ? source.pagination.size : Number.POSITIVE_INFINITY;
  }

  /** Pages in all, as far as known: `null` before the first page, and without a total until the end. */
  get expected(): number | null {
    if (this.#ended) return this.#added;
    return this.#total === undefined ? null : Math.max(1, Math.ceil(this.#total / this.#size));
  }

  /** Numbers of the pages that may be fetched now, at once; empty when the collection is complete. */
  due(): number[] {
    if (this.#ended) return [];
    const last = this.expected ?? this.#added + 1;
    return Array.from({ length: last - this.#added }, (_, index) => this.#added + 1 + index);
  }

  /** @throws an `Upstream…Error` when the page does not fit what is known. */
  add(page: Page): void {
    this.#checkSize(page);
    const before = this.#items.size;
    for (const { id, body } of page.items) this.#items.set(id, body);
    this.#added = page.number;
    if (page.total === undefined) this.#addWithoutTotal(page, this.#items.size - before);
    else this.#addWithTotal(page, page.total, this.#items.size - before);
    if (this.#items.size > this.#source.maxItems) throw this.#tooLarge(`more than ${this.#source.maxItems} items`);
  }

  /** What was read; to be called when nothing is due. */
  reading(): Reading {
    const whole = this.#total === undefined || this.#items.size === this.#total;
    return { items: this.#items, consistent: whole && !this.#totalChanged };
  }

  #checkSize(page: Page): void {
    if (page.items.length > this.#size) {
      const message = `${this.#name(page)} has ${page.items.length} items although ${this.#size} were asked for.`;
      throw new UpstreamInvalidError(message);
    }
  }

  #addWithTotal(page: Page, total: number, fresh: number): void {
    if (this.#total === undefined) {
      if (total > this.#source.maxItems) throw this.#tooLarge(`${total} items, more than ${this.#source.maxItems}`);
      this.#total = total;
      const last = this.expected ?? 1;
      if (last > this.#source.maxPages) throw this.#tooLarge(`${last} pages, more than ${this.#source.maxPages}`);
    }
    if (total !== this.#total) this.#totalChanged = true;
    if (page.items.length > 0 && fresh === 0) throw this.#repeated(page);
    // By the page's own total: a collection that shrinks while it is read has a new last page.
    const due = Math.min(this.#size, Math.max(0, total - (page.number - 1) * this.#size));
    if (page.items.length < due) {
      const message = `${this.#name(page)} has ${page.items.length} items; of ${total} in all, ${due} were due on it.`;
      throw new UpstreamIncompleteError(message);
    }
    this.#ended = page.number >= (this.expected ?? 1);
  }

  #addWithoutTotal(page: Page, fresh: number): void {
    if (this.#source.pagination.kind === 'none') {
      this.#ended = true;
      return;
    }
    if (this.#short !== undefined && fresh > 0) {
      throw new UpstreamIncompleteError(
        `Page ${this.#short} of "${this.#source.name}" was cut short: more items follow it.`,
      );
    }
    if (this.#short === undefined && page.items.length > 0 && fresh === 0) throw this.#repeated(page);
    this.#ended = this.#short !== undefined || page.items.length === 0;
    if (page.items.length < this.#size) this.#short = page.number;
    if (!this.#ended && page.number >= this.#source.maxPages) {
      throw this.#tooLarge(`more than ${this.#source.maxPages} pages`);
    }
  }

  #repeated(page: Page): Error {
    return new UpstreamPageRepeatedError(`${this.#name(page)} brings no item that was not on an earlier page.`);
  }

  #tooLarge(what: string): Error {
    return new UpstreamTooLargeError(`The upstream of "${this.#source.name}" has ${what}.`);
  }

  #name(page: Page): string {
    return `Page ${page.number} of "${this.#source.name}"`;
  }
}
