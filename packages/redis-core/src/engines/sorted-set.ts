import type { ScoredMember, SortedSetPage, SortedSetRange, SortedSetScanReply } from '../engine.ts';
import { SortedSetScans } from './sorted-set-scans.ts';

interface Item extends ScoredMember {
  readonly bytes: Buffer;
  /** Of when it came. */
  readonly sequence: number;
}

/** A sorted set in memory: ordered by score, then by the bytes of the member, as Redis orders it. */
export class SortedSet {
  /** In the order in which members came, whatever happens to their scores: what a scan goes by. */
  readonly #items = new Map<string, Item>();
  /** Made by the first scan: most sets are never scanned. */
  #scans: SortedSetScans | undefined;
  #sequence = 0;
  /** Sorted when it is first read after a change; `undefined` meanwhile. */
  #sorted: Item[] | undefined = [];

  get size(): number {
    return this.#items.size;
  }

  /** Replies whether the member is new. */
  add(member: string, score: number): boolean {
    const before = this.#items.get(member);
    if (before?.score === score) return false;
    if (before === undefined) this.#sequence += 1;
    this.#items.set(member, {
      member,
      score,
      bytes: before?.bytes ?? Buffer.from(member),
      sequence: before?.sequence ?? this.#sequence,
    });
    this.#sorted = undefined;
    return before === undefined;
  }

  score(member: string): number | null {
    return this.#items.get(member)?.score ?? null;
  }

  /** Replies whether the member was there. */
  remove(member: string): boolean {
    const removed = this.#items.delete(member);
    if (removed) this.#sorted = undefined;
    return removed;
  }

  range(range: SortedSetRange): ScoredMember[] {
    return this.#select(range).map(({ member, score }) => ({ member, score }));
  }

  /** One page; as `RedisEngine.zscan`. */
  scan(page: SortedSetPage): SortedSetScanReply {
    this.#scans ??= new SortedSetScans(this.#items);
    return this.#scans.page(page, this.#sequence);
  }

  #select(range: SortedSetRange): readonly Item[] {
    const items = this.#inOrder();
    switch (range.by) {
      case 'index': {
        const ordered = range.reverse === true ? items.toReversed() : items;
        const start = range.start < 0 ? Math.max(0, items.length + range.start) : range.start;
        const stop = range.stop < 0 ? items.length + range.stop : range.stop;
        return ordered.slice(start, Math.max(start, stop + 1));
      }
      case 'score': {
        const rising = items.filter(({ score }) => score >= range.min && score <= range.max);
        const within = range.reverse === true ? rising.toReversed() : rising;
        return range.limit === undefined ? within : within.slice(0, range.limit);
      }
      case 'lex': {
        if (range.after === undefined) return items.slice(0, range.limit);
        const after = Buffer.from(range.after);
        const first = firstAfter(items, after);
        return items.slice(first, first + range.limit);
      }
    }
  }

  #inOrder(): Item[] {
    this.#sorted ??= [...this.#items.values()].sort((a, b) => a.score - b.score || Buffer.compare(a.bytes, b.bytes));
    return this.#sorted;
  }
}

/** Binary search: the index of the first item whose bytes are greater than `after`. */
function firstAfter(items: readonly Item[], after: Buffer): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = items[middle];
    if (item !== undefined && Buffer.compare(item.bytes, after) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
