/**
 * Items in order, each found by its place or by where it belongs in O(log n): an indexable skip list, as Redis itself has
 * for its sorted sets (W. Pugh, “A Skip List Cookbook”, 1990).
 */
export class RankedList<Item> {
  readonly #compare: (a: Item, b: Item) => number;
  readonly #head: Node<Item> = new Node<Item>(undefined, MAX_LEVELS);
  /** Of the last search: on each level the last node that stands before what was searched for, … */
  readonly #before: Node<Item>[] = Array.from({ length: MAX_LEVELS }, () => this.#head);
  /** … and how many items stand up to that node. */
  readonly #ranks: number[] = Array.from({ length: MAX_LEVELS }, () => 0);
  #size = 0;

  /** No two items may compare as equal. */
  constructor(compare: (a: Item, b: Item) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#size;
  }

  insert(item: Item): void {
    const rank = this.rankOf((other) => this.#compare(other, item) < 0);
    const node = new Node<Item>(item, randomLevels());
    for (const [level, previous] of this.#before.entries()) {
      const span = previous.spans[level] ?? 0;
      if (level >= node.nexts.length) {
        previous.spans[level] = span + 1;
        continue;
      }
      const skipped = rank - (this.#ranks[level] ?? 0);
      node.nexts[level] = previous.nexts[level];
      node.spans[level] = span - skipped;
      previous.nexts[level] = node;
      previous.spans[level] = skipped + 1;
    }
    this.#size += 1;
  }

  /** Replies whether it was there. */
  remove(item: Item): boolean {
    this.rankOf((other) => this.#compare(other, item) < 0);
    const node = this.#before[0]?.nexts[0];
    if (node?.item === undefined || this.#compare(node.item, item) !== 0) return false;
    for (const [level, previous] of this.#before.entries()) {
      const span = previous.spans[level] ?? 0;
      const isLinked = previous.nexts[level] === node;
      previous.spans[level] = span - 1 + (isLinked ? (node.spans[level] ?? 0) : 0);
      if (isLinked) previous.nexts[level] = node.nexts[level];
    }
    this.#size -= 1;
    return true;
  }

  /** How many items stand before the first one for which `isBefore` is no longer true; it is true up to some place. */
  rankOf(isBefore: (item: Item) => boolean): number {
    let node = this.#head;
    let passed = 0;
    for (let level = MAX_LEVELS - 1; level >= 0; level -= 1) {
      for (let next = node.nexts[level]; next?.item !== undefined && isBefore(next.item); next = node.nexts[level]) {
        passed += node.spans[level] ?? 0;
        node = next;
      }
      this.#before[level] = node;
      this.#ranks[level] = passed;
    }
    return passed;
  }

  /** The items from one place to before another. */
  slice(start: number, end: number): Item[] {
    const items: Item[] = [];
    let node = start < end ? this.#at(start) : undefined;
    while (node?.item !== undefined && items.length < end - start) {
      items.push(node.item);
      node = node.nexts[0];
    }
    return items;
  }

  #at(place: number): Node<Item> | undefined {
    let node = this.#head;
    let passed = 0;
    for (let level = MAX_LEVELS - 1; level >= 0; level -= 1) {
      for (let next = node.nexts[level]; next !== undefined; next = node.nexts[level]) {
        const reached = passed + (node.spans[level] ?? 0);
        if (reached > place + 1) break;
        passed = reached;
        node = next;
      }
    }
    return passed === place + 1 ? node : undefined;
  }
}

/** Of an item; the one at the head of a list has none. */
class Node<Item> {
  readonly item: Item | undefined;
  /** On each of its levels the node that follows. */
  readonly nexts: (Node<Item> | undefined)[];
  /** How many places each of these leads on; where nothing follows, how many items come behind. */
  readonly spans: number[];

  constructor(item: Item | undefined, levels: number) {
    this.item = item;
    this.nexts = Array.from({ length: levels }, () => undefined);
    this.spans = Array.from({ length: levels }, () => 0);
  }
}

/** A quarter of the nodes of a level are on the next one: enough for some four thousand million items. */
const MAX_LEVELS = 16;

function randomLevels(): number {
  let levels = 1;
  while (levels < MAX_LEVELS && Math.random() < 0.25) levels += 1;
  return levels;
}
