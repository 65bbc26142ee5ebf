import type { ScoredMember, SortedSetPage, SortedSetScanReply } from '../engine.ts';

interface Scanned extends ScoredMember {
  readonly sequence: number;
}

const MAX_OPEN_SCANS = 16;

/** Scans of one sorted set in memory that are under way, over its members in the order in which they came. */
export class SortedSetScans {
  readonly #items: ReadonlyMap<string, Scanned>;
  /** By the cursor; one that was forgotten is found again by the sequence number in it. */
  readonly #open = new Map<string, Iterator<Scanned>>();

  constructor(items: ReadonlyMap<string, Scanned>) {
    this.#items = items;
  }

  /** Members that came after the scan began, whose sequence is above `newest`, need not be seen: or it might never end. */
  page({ prefix = '', cursor, count = 250 }: SortedSetPage, newest: number): SortedSetScanReply {
    const [from = 0, until = newest] = cursor?.split('-').map(Number) ?? [];
    const iterator = this.#resume(cursor, from);
    const members: ScoredMember[] = [];
    let last = from;
    for (let looked = 0; looked < count; looked += 1) {
      const next = iterator.next();
      if (next.done === true || next.value.sequence > until) return { members, cursor: null };
      const { member, score, sequence } = next.value;
      last = sequence;
      if (member.startsWith(prefix)) members.push({ member, score });
    }
    const following = `${last}-${until}`;
    this.#open.set(following, iterator);
    const oldest = this.#open.keys().next();
    if (this.#open.size > MAX_OPEN_SCANS && oldest.done !== true) this.#open.delete(oldest.value);
    return { members, cursor: following };
  }

  #resume(cursor: string | undefined, from: number): Iterator<Scanned> {
    const known = cursor === undefined ? undefined : this.#open.get(cursor);
    if (cursor !== undefined && known !== undefined) {
      this.#open.delete(cursor);
      return known;
    }
    const items = this.#items.values();
    return (function* rest(): Generator<Scanned> {
      for (const item of items) if (item.sequence > from) yield item;
    })();
  }
}
