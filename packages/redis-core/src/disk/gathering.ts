import { DiskUnusableError } from './disk-errors.ts';

export interface GatheringOptions<Item, Reply> {
  /** Hands over items in one call. @returns a reply per item @throws where none of them was done */
  readonly send: (items: readonly Item[], since: number) => Promise<readonly Reply[]>;
  /** Of one call; a single item may be larger. */
  readonly maxItems: number;
  readonly maxBytes: number;
  /** Of all that wait for the disk: beyond it an item is refused. */
  readonly maxWaitingBytes: number;
}

interface Waiting<Item, Reply> {
  readonly item: Item;
  readonly bytes: number;
  readonly since: number;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** One is on the disk while the next is on its way there. */
const maxUnderWay = 2;

/**
 * Hands items over to the disk, many in one call: a commit waits for the disk, so all that come in meanwhile share the one
 * that follows. Those that come in while the event loop reads its sockets share one as well.
 */
export class Gathering<Item, Reply> {
  readonly #options: GatheringOptions<Item, Reply>;
  readonly #waiting: Waiting<Item, Reply>[] = [];
  #bytes = 0;
  #count = 0;
  #underWay = 0;
  #isScheduled = false;
  #calls = 0;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(options: GatheringOptions<Item, Reply>) {
    this.#options = options;
  }

  /** Of those that were not answered. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Those that were not answered. */
  get count(): number {
    return this.#count;
  }

  /** How many have succeeded. */
  get calls(): number {
    return this.#calls;
  }

  /** @throws what `send` throws for those that go with it; DiskUnusableError where too much waits for the disk */
  async add(item: Item, bytes: number): Promise<Reply> {
    const { maxWaitingBytes } = this.#options;
    if (this.#count > 0 && this.#bytes + bytes > maxWaitingBytes) {
      throw new DiskUnusableError(`More than ${maxWaitingBytes} bytes wait for the disk.`);
    }
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    this.#waiting.push({ item, bytes, since: performance.now(), resolve, reject });
    this.#bytes += bytes;
    this.#count += 1;
    this.#schedule();
    return promise;
  }

  /** Resolves when all were answered that were added. */
  async idle(): Promise<void> {
    if (this.#count > 0) await (this.#idle ??= Promise.withResolvers<void>()).promise;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      while (this.#underWay < maxUnderWay && this.#waiting.length > 0) void this.#sendSome();
    });
  }

  async #sendSome(): Promise<void> {
    const group = this.#takeSome();
    this.#underWay += 1;
    try {
      const replies = await this.#options.send(
        group.map(({ item }) => item),
        group[0]?.since ?? performance.now(),
      );
      this.#calls += 1;
      for (const [index, { resolve }] of group.entries()) resolve(replies[index] as Reply);
    } catch (error) {
      for (const { reject } of group) reject(error as Error);
    }
    this.#underWay -= 1;
    this.#count -= group.length;
    this.#bytes -= group.reduce((sum, { bytes }) => sum + bytes, 0);
    if (this.#waiting.length > 0) this.#schedule();
    if (this.#count > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  #takeSome(): Waiting<Item, Reply>[] {
    const { maxItems, maxBytes } = this.#options;
    let bytes = 0;
    let count = 0;
    for (const waiting of this.#waiting) {
      if (count > 0 && (count === maxItems || bytes + waiting.bytes > maxBytes)) break;
      bytes += waiting.bytes;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }
}
