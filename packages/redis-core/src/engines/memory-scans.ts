import { CommandError } from '../errors.ts';
import type { ScanPage, ScanReply } from '../engine.ts';
import type { MemorySlots, Slot } from './memory-slots.ts';

const MAX_OPEN_SCANS = 64;
/** The place, and where the scan ends. */
const form = /^-?\d{1,20}(-\d{1,20})?$/;

/** Scans of the memory engine that are under way. */
export class MemoryScans {
  readonly #slots: MemorySlots;
  /** By the cursor; one that was forgotten is found again by its sequence number. */
  readonly #open = new Map<string, Iterator<[string, Slot]>>();

  constructor(slots: MemorySlots) {
    this.#slots = slots;
  }

  clear(): void {
    this.#open.clear();
  }

  /** One page; as `RedisEngine.scan`. */
  page(page: ScanPage): ScanReply {
    if (page.cursor !== undefined && !form.test(page.cursor)) throw new CommandError('ERR invalid cursor');
    const [from = -1, until = this.#slots.sequence] = page.cursor?.split('-').map(Number) ?? [];
    const iterator = this.#resume(page.cursor, from);
    const keys: string[] = [];
    let last = from;
    for (let looked = 0; looked < (page.count ?? 250); looked += 1) {
      const next = iterator.next();
      // Keys made after the scan began need not be seen: without that bound a busy store could be scanned for ever.
      if (next.done === true || next.value[1].sequence > until) return { keys, cursor: null };
      const [key, slot] = next.value;
      last = slot.sequence;
      if (!key.startsWith(page.prefix) || this.#slots.live(key) === undefined) continue;
      if (page.type === undefined || slot.value.type === page.type) keys.push(key);
    }
    const cursor = `${last}-${until}`;
    this.#open.set(cursor, iterator);
    const oldest = this.#open.keys().next();
    if (this.#open.size > MAX_OPEN_SCANS && oldest.done !== true) this.#open.delete(oldest.value);
    return { keys, cursor };
  }

  #resume(cursor: string | undefined, from: number): Iterator<[string, Slot]> {
    const known = cursor === undefined ? undefined : this.#open.get(cursor);
    if (cursor !== undefined && known !== undefined) {
      this.#open.delete(cursor);
      return known;
    }
    const slots = this.#slots.entries();
    return (function* rest(): Generator<[string, Slot]> {
      for (const entry of slots) if (entry[1].sequence > from) yield entry;
    })();
  }
}
