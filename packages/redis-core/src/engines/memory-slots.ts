import type { KeyType, StreamEntry } from '../engine.ts';
import { OutOfMemoryError, WrongTypeError } from '../errors.ts';
import { Sweeping } from '../sweeping.ts';
import type { SortedSet } from './sorted-set.ts';

export interface DataByType {
  readonly string: Buffer;
  readonly hash: Map<string, Buffer>;
  readonly zset: SortedSet;
  readonly stream: StreamEntry[];
}
export type Value = { [Type in KeyType]: { readonly type: Type; readonly data: DataByType[Type] } }[KeyType];

export interface Slot {
  value: Value;
  bytes: number;
  /** Milliseconds since the epoch; `null`: never. */
  expiresAt: number | null;
  /** Grows with each creation: the order of a scan. */
  readonly sequence: number;
  /** The clock algorithm's bit: used since the hand passed last. */
  referenced: boolean;
}

export interface MemorySlotsOptions {
  readonly now?: () => number;
  /** Bytes of keys and values that it may hold. Default 256 MiB. */
  readonly maxBytes?: number;
  /** What happens at `maxBytes`. Default `allkeys-lru` (approximately: second chance). */
  readonly eviction?: 'allkeys-lru' | 'noeviction';
  readonly onEvict?: (key: string) => void;
  /** How often all that has expired is freed, in milliseconds. Default 5 minutes. */
  readonly sweepEveryMs?: number;
}

/**
 * What one key costs beyond its bytes: what V8 and the allocator need for the map entry, the objects and the buffer.
 * Measured on Node 24, see `memory-bound.test.ts`.
 */
export const OVERHEAD_BYTES = 450;
/** What a member of a sorted set costs beyond its bytes, measured likewise; … */
export const MEMBER_OVERHEAD_BYTES = 320;
/** … and a field of a hash. */
export const FIELD_OVERHEAD_BYTES = 350;
const SWEEP_PER_WRITE = 2;

/** The keys of the memory engine, whatever they hold: they expire, have a type, and are bounded in bytes. */
export class MemorySlots {
  readonly now: () => number;
  readonly maxBytes: number;
  readonly #slots = new Map<string, Slot>();
  readonly #evicts: boolean;
  readonly #onEvict: ((key: string) => void) | undefined;
  readonly #sweeping: Sweeping<Slot>;
  #hand: Iterator<[string, Slot]> | undefined;
  #sweepHand: Iterator<[string, Slot]> | undefined;
  #sequence = 0;
  #bytes = 0;

  constructor(options: MemorySlotsOptions) {
    this.now = options.now ?? Date.now;
    this.maxBytes = options.maxBytes ?? 256 * 1024 * 1024;
    this.#evicts = options.eviction !== 'noeviction';
    this.#onEvict = options.onEvict;
    this.#sweeping = new Sweeping({
      entries: () => this.#slots,
      isOver: (slot) => this.#isOver(slot),
      remove: (key, slot) => {
        if (this.#slots.get(key) === slot) this.remove(key);
      },
      ...(options.sweepEveryMs === undefined ? {} : { everyMs: options.sweepEveryMs }),
    });
  }

  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** That of the newest key. */
  get sequence(): number {
    return this.#sequence;
  }

  /** In the order of their creation, so that their sequence numbers ascend. */
  entries(): MapIterator<[string, Slot]> {
    return this.#slots.entries();
  }

  close(): void {
    this.#sweeping.stop();
    this.#slots.clear();
    this.#hand = undefined;
    this.#sweepHand = undefined;
    this.#bytes = 0;
  }

  /** What is under a key, unless it has expired. That is a use of it. */
  live(key: string): Slot | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    if (this.#isOver(slot)) {
      this.remove(key);
      return undefined;
    }
    slot.referenced = true;
    return slot;
  }

  /** @throws WrongTypeError */
  read<Type extends KeyType>(key: string, type: Type): DataByType[Type] | undefined {
    const value = this.live(key)?.value;
    if (value === undefined) return undefined;
    if (value.type !== type) {
      throw new WrongTypeError('WRONGTYPE Operation against a key holding the wrong kind of value');
    }
    return value.data as unknown as DataByType[Type];
  }

  /**
   * What is under a key, made where there is nothing, with room for so many bytes more.
   * @throws WrongTypeError, OutOfMemoryError
   */
  write<Type extends KeyType>(key: string, type: Type, empty: () => DataByType[Type], bytes: number): DataByType[Type] {
    const data = this.read(key, type);
    this.makeRoom(bytes + (data === undefined ? OVERHEAD_BYTES + key.length : 0), key);
    if (data !== undefined) {
      this.grow(key, bytes);
      return data;
    }
    const created = empty();
    this.create(key, { type, data: created } as unknown as Value, OVERHEAD_BYTES + key.length + bytes, null);
    return created;
  }

  create(key: string, value: Value, bytes: number, expiresAt: number | null): void {
    this.#sequence += 1;
    this.#slots.set(key, { value, bytes, expiresAt, sequence: this.#sequence, referenced: false });
    this.#bytes += bytes;
    this.#sweep();
    this.#sweeping.kept();
  }

  /** A key holds so many bytes more, or less. */
  grow(key: string, bytes: number): void {
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    slot.bytes += bytes;
    this.#bytes += bytes;
  }

  /** Whether there was one. */
  remove(key: string): boolean {
    const slot = this.#slots.get(key);
    if (slot === undefined) return false;
    this.#slots.delete(key);
    this.#bytes -= slot.bytes;
    return true;
  }

  /** Evicts until `bytes` more fit; never the key that is being written. */
  makeRoom(bytes: number, except: string): void {
    if (bytes <= 0 || this.#bytes + bytes <= this.maxBytes) return;
    if (this.#evicts) {
      // Two rounds: the first may only clear the bits.
      for (let looked = 2 * this.#slots.size; looked > 0 && this.#bytes + bytes > this.maxBytes; looked -= 1) {
        this.#evictOne(except);
      }
    }
    if (this.#bytes + bytes > this.maxBytes) {
      throw new OutOfMemoryError(`OOM command not allowed: the memory engine may hold ${this.maxBytes} bytes.`);
    }
  }

  /** One step of the clock hand: a slot that was used since the last round gets a second chance. */
  #evictOne(except: string): void {
    this.#hand ??= this.#slots.entries();
    const next = this.#hand.next();
    if (next.done === true) {
      this.#hand = undefined;
      return;
    }
    const [key, slot] = next.value;
    if (key === except) return;
    if (slot.referenced) {
      slot.referenced = false;
      return;
    }
    this.remove(key);
    this.#onEvict?.(key);
  }

  /** Each new key pays for looking at two old ones, so that what expired is freed without a timer. */
  #sweep(): void {
    for (let looked = 0; looked < SWEEP_PER_WRITE; looked += 1) {
      this.#sweepHand ??= this.#slots.entries();
      const next = this.#sweepHand.next();
      if (next.done === true) {
        this.#sweepHand = undefined;
        return;
      }
      const [key, slot] = next.value;
      if (this.#isOver(slot)) this.remove(key);
    }
  }

  #isOver({ expiresAt }: Slot): boolean {
    return expiresAt !== null && this.now() > expiresAt;
  }
}
