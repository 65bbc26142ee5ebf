import type { ScoredMember, SortedSetPage, SortedSetRange, SortedSetScanReply } from '../engine.ts';
import { compareAsBytes } from './compare-as-bytes.ts';
import { RankedList } from './ranked-list.ts';
import { SortedSetScans } from './sorted-set-scans.ts';

interface Item extends ScoredMember {
  /** Of when it came. */
  readonly sequence: number;
}

/** A sorted set in memory: ordered by score, then by the bytes of the member, as Redis orders it. */
export class SortedSet {
  /** In the order in which members came, whatever happens to their scores: what a scan goes by. */
  readonly #items = new Map<string, Item>();
  readonly #ranked = new RankedList<Item>((a, b) => a.score - b.score || compareAsBytes(a.member, b.member));
  /** Made by the first scan: most sets are never scanned. */
  #scans: SortedSetScans | undefined;
  #sequence = 0;

  get size(): number {
    return this.#items.size;
  }

  /** Replies whether the member is new. */
  add(member: string, score: number): boolean {
    const before = this.#items.get(member);
    if (before?.score === score) return false;
    if (before === undefined) this.#sequence += 1;
    else this.#ranked.remove(before);
    const item: Item = {
      member,
      score,
      sequence: before?.sequence ?? this.#sequence,
    };
    this.#items.set(member, item);
    this.#ranked.insert(item);
    return before === undefined;
  }

  score(member: string): number | null {
    return this.#items.get(member)?.score ?? null;
  }

  /** Replies whether the member was there. */
  remove(member: string): boolean {
    const item = this.#items.get(member);
    if (item === undefined) return false;
    this.#items.delete(member);
    this.#ranked.remove(item);
    return true;
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
    const { size } = this;
    switch (range.by) {
      case 'index': {
        const start = range.start < 0 ? Math.max(0, size + range.start) : range.start;
        const stop = range.stop < 0 ? size + range.stop : range.stop;
        return this.#places(start, Math.min(size, stop + 1), range.reverse === true);
      }
      case 'score': {
        const first = this.#ranked.rankOf(({ score }) => score < range.min);
        const end = this.#ranked.rankOf(({ score }) => score <= range.max);
        const count = Math.min(end - first, range.limit ?? Infinity);
        // Of those that are asked for from the end, the first are the last in order.
        return range.reverse === true
          ? this.#ranked.slice(end - count, end).toReversed()
          : this.#ranked.slice(first, first + count);
      }
      case 'lex': {
        const { after } = range;
        const first = after === undefined ? 0 : this.#ranked.rankOf(({ member }) => compareAsBytes(member, after) <= 0);
        return this.#ranked.slice(first, first + range.limit);
      }
    }
  }

  /** From one place to before another; in reverse both are counted from the end. */
  #places(start: number, end: number, isReverse: boolean): readonly Item[] {
    if (!isReverse) return this.#ranked.slice(start, end);
    return this.#ranked.slice(this.size - end, this.size - start).toReversed();
  }
}
