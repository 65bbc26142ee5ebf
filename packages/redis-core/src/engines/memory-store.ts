import type {
  Bytes,
  KeyType,
  ScanPage,
  ScanReply,
  ScoredMember,
  SortedSetRange,
  StreamEntry,
  TwinStore,
} from '../engine.ts';
import { CommandError, OutOfMemoryError, WrongTypeError } from '../errors.ts';
import { SortedSet } from './sorted-set.ts';

interface DataByType {
  readonly string: Buffer;
  readonly hash: Map<string, Buffer>;
  readonly zset: SortedSet;
  readonly stream: StreamEntry[];
}
type Value = { [Type in KeyType]: { readonly type: Type; readonly data: DataByType[Type] } }[KeyType];

interface Slot {
  value: Value;
  bytes: number;
  /** Milliseconds since the epoch; `null`: never. */
  expiresAt: number | null;
  /** Grows with each creation: the order of a scan. */
  readonly sequence: number;
  /** The clock algorithm's bit: used since the hand passed last. */
  referenced: boolean;
}

export interface MemoryStoreOptions {
  readonly now?: () => number;
  /** Bytes of keys and values that it may hold. Default 256 MiB. */
  readonly maxBytes?: number;
  /** What happens at `maxBytes`. Default `allkeys-lru` (approximately: second chance). */
  readonly eviction?: 'allkeys-lru' | 'noeviction';
  readonly onEvict?: (key: string) => void;
}

/** What one key costs beyond its bytes: about what V8 needs for the map entry and the objects. */
const OVERHEAD_BYTES = 200;
const MAX_OPEN_SCANS = 64;
const SWEEP_PER_WRITE = 2;

/** The data of the memory engine: Redis' semantics, synchronous, bounded in bytes. */
export class MemoryStore implements TwinStore {
  readonly #slots = new Map<string, Slot>();
  readonly #now: () => number;
  readonly #maxBytes: number;
  readonly #evicts: boolean;
  readonly #onEvict: ((key: string) => void) | undefined;
  /** Iterators of scans under way; a forgotten one is found again by its sequence number. */
  readonly #scans = new Map<string, Iterator<[string, Slot]>>();
  #hand: Iterator<[string, Slot]> | undefined;
  #sweepHand: Iterator<[string, Slot]> | undefined;
  #sequence = 0;
  #bytes = 0;
  #lastStreamMs = 0;
  #streamCounter = 0;

  constructor(options: MemoryStoreOptions = {}) {
    this.#now = options.now ?? Date.now;
    this.#maxBytes = options.maxBytes ?? 256 * 1024 * 1024;
    this.#evicts = options.eviction !== 'noeviction';
    this.#onEvict = options.onEvict;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get keyCount(): number {
    return this.#slots.size;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  now(): number {
    return this.#now();
  }

  clear(): void {
    this.#slots.clear();
    this.#scans.clear();
    this.#hand = undefined;
    this.#sweepHand = undefined;
    this.#bytes = 0;
  }

  exists(key: string): boolean {
    return this.#live(key) !== undefined;
  }

  get(key: string): Buffer | null {
    return this.#read(key, 'string') ?? null;
  }

  /** As MGET reads: a key of another type is `null`. */
  getLenient(key: string): Buffer | null {
    const value = this.#live(key)?.value;
    return value?.type === 'string' ? value.data : null;
  }

  set(key: string, value: Bytes, pxMs?: number): void {
    const data = toBuffer(value);
    const expiresAt = pxMs === undefined ? null : this.#now() + pxMs;
    const existing = this.#live(key);
    const bytes = OVERHEAD_BYTES + key.length + data.length;
    this.#makeRoom(bytes - (existing?.bytes ?? 0), key);
    const slot = this.#live(key);
    if (slot === undefined) {
      this.#create(key, { type: 'string', data }, bytes, expiresAt);
    } else {
      this.#bytes += bytes - slot.bytes;
      slot.value = { type: 'string', data };
      slot.bytes = bytes;
      slot.expiresAt = expiresAt;
      slot.referenced = true;
    }
  }

  del(key: string): boolean {
    return this.#live(key) !== undefined && this.#remove(key);
  }

  pexpire(key: string, ttlMs: number): boolean {
    const slot = this.#live(key);
    if (slot === undefined) return false;
    if (ttlMs <= 0) return this.#remove(key);
    slot.expiresAt = this.#now() + ttlMs;
    return true;
  }

  pttl(key: string): number | null | undefined {
    const slot = this.#live(key);
    if (slot === undefined) return undefined;
    return slot.expiresAt === null ? null : slot.expiresAt - this.#now();
  }

  hget(key: string, field: string): Buffer | null {
    return this.#read(key, 'hash')?.get(field) ?? null;
  }

  hgetall(key: string): Map<string, Buffer> {
    return new Map(this.#read(key, 'hash'));
  }

  hset(key: string, field: string, value: Bytes): boolean {
    const data = toBuffer(value);
    const hash = this.#write(key, 'hash', () => new Map<string, Buffer>(), field.length + data.length);
    const before = hash.get(field);
    hash.set(field, data);
    if (before !== undefined) this.#grow(key, -(field.length + before.length));
    return before === undefined;
  }

  hincrby(key: string, field: string, by: number): number {
    const before = this.hget(key, field);
    if (before !== null && !/^-?(0|[1-9]\d{0,18})$/.test(before.toString())) {
      throw new CommandError('ERR hash value is not an integer');
    }
    const sum = Number(before?.toString() ?? 0) + by;
    this.hset(key, field, String(sum));
    return sum;
  }

  hdel(key: string, field: string): boolean {
    const hash = this.#read(key, 'hash');
    const before = hash?.get(field);
    if (hash === undefined || before === undefined) return false;
    hash.delete(field);
    this.#grow(key, -(field.length + before.length));
    if (hash.size === 0) this.#remove(key);
    return true;
  }

  hlen(key: string): number {
    return this.#read(key, 'hash')?.size ?? 0;
  }

  zadd(key: string, member: string, score: number): boolean {
    const set = this.#write(key, 'zset', () => new SortedSet(), member.length + 64);
    const added = set.add(member, score);
    if (!added) this.#grow(key, -(member.length + 64));
    return added;
  }

  zscore(key: string, member: string): number | null {
    return this.#read(key, 'zset')?.score(member) ?? null;
  }

  zrange(key: string, range: SortedSetRange): ScoredMember[] {
    return this.#read(key, 'zset')?.range(range) ?? [];
  }

  zrem(key: string, member: string): boolean {
    const set = this.#read(key, 'zset');
    if (set === undefined || !set.remove(member)) return false;
    this.#grow(key, -(member.length + 64));
    if (set.size === 0) this.#remove(key);
    return true;
  }

  zcard(key: string): number {
    return this.#read(key, 'zset')?.size ?? 0;
  }

  xadd(key: string, fields: Readonly<Record<string, Bytes>>, maxLength?: number): string {
    const entries = Object.entries(fields).map(([name, value]): [string, Buffer] => [name, toBuffer(value)]);
    const bytes = entries.reduce((sum, [name, value]) => sum + name.length + value.length, OVERHEAD_BYTES);
    const stream = this.#write(key, 'stream', (): StreamEntry[] => [], bytes);
    const id = this.#nextStreamId();
    stream.push({ id, fields: new Map(entries) });
    if (maxLength !== undefined && stream.length > maxLength) stream.splice(0, stream.length - maxLength);
    return id;
  }

  xrange(key: string, range: { readonly after?: string; readonly count: number }): StreamEntry[] {
    const stream = this.#read(key, 'stream') ?? [];
    const { after } = range;
    const first = after === undefined ? 0 : stream.findIndex(({ id }) => compareStreamIds(id, after) > 0);
    return first === -1 ? [] : stream.slice(first, first + range.count);
  }

  scan(page: ScanPage): ScanReply {
    const [from = -1, until = this.#sequence] = page.cursor?.split('-').map(Number) ?? [];
    const iterator = this.#resumeScan(page.cursor, from);
    const keys: string[] = [];
    let last = from;
    for (let looked = 0; looked < (page.count ?? 250); looked += 1) {
      const next = iterator.next();
      // Keys made after the scan began need not be seen: without that bound a busy store could be scanned for ever.
      if (next.done === true || next.value[1].sequence > until) return { keys, cursor: null };
      const [key, slot] = next.value;
      last = slot.sequence;
      if (!key.startsWith(page.prefix) || this.#live(key) === undefined) continue;
      if (page.type === undefined || slot.value.type === page.type) keys.push(key);
    }
    const cursor = `${last}-${until}`;
    this.#scans.set(cursor, iterator);
    const oldest = this.#scans.keys().next();
    if (this.#scans.size > MAX_OPEN_SCANS && oldest.done !== true) this.#scans.delete(oldest.value);
    return { keys, cursor };
  }

  #resumeScan(cursor: string | undefined, from: number): Iterator<[string, Slot]> {
    const open = cursor === undefined ? undefined : this.#scans.get(cursor);
    if (cursor !== undefined && open !== undefined) {
      this.#scans.delete(cursor);
      return open;
    }
    // A Map iterates in the order of creation, so the sequence numbers ascend.
    const slots = this.#slots;
    return (function* rest(): Generator<[string, Slot]> {
      for (const entry of slots) if (entry[1].sequence > from) yield entry;
    })();
  }

  #live(key: string): Slot | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    if (slot.expiresAt !== null && this.#now() > slot.expiresAt) {
      this.#remove(key);
      return undefined;
    }
    slot.referenced = true;
    return slot;
  }

  #read<Type extends KeyType>(key: string, type: Type): DataByType[Type] | undefined {
    const value = this.#live(key)?.value;
    if (value === undefined) return undefined;
    if (value.type !== type) {
      throw new WrongTypeError('WRONGTYPE Operation against a key holding the wrong kind of value');
    }
    return value.data as unknown as DataByType[Type];
  }

  #write<Type extends KeyType>(
    key: string,
    type: Type,
    empty: () => DataByType[Type],
    bytes: number,
  ): DataByType[Type] {
    const data = this.#read(key, type);
    this.#makeRoom(bytes + (data === undefined ? OVERHEAD_BYTES + key.length : 0), key);
    if (data !== undefined) {
      this.#grow(key, bytes);
      return data;
    }
    const created = empty();
    this.#create(key, { type, data: created } as unknown as Value, OVERHEAD_BYTES + key.length + bytes, null);
    return created;
  }

  #create(key: string, value: Value, bytes: number, expiresAt: number | null): void {
    this.#sequence += 1;
    this.#slots.set(key, { value, bytes, expiresAt, sequence: this.#sequence, referenced: false });
    this.#bytes += bytes;
    this.#sweep();
  }

  #grow(key: string, bytes: number): void {
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    slot.bytes += bytes;
    this.#bytes += bytes;
  }

  #remove(key: string): boolean {
    const slot = this.#slots.get(key);
    if (slot === undefined) return false;
    this.#slots.delete(key);
    this.#bytes -= slot.bytes;
    return true;
  }

  /** Evicts until `bytes` more fit; never the key that is being written. */
  #makeRoom(bytes: number, except: string): void {
    if (bytes <= 0 || this.#bytes + bytes <= this.#maxBytes) return;
    if (this.#evicts) {
      // Two rounds: the first may only clear the bits.
      for (let looked = 2 * this.#slots.size; looked > 0 && this.#bytes + bytes > this.#maxBytes; looked -= 1) {
        this.#evictOne(except);
      }
    }
    if (this.#bytes + bytes > this.#maxBytes) {
      throw new OutOfMemoryError(`OOM command not allowed: the memory engine may hold ${this.#maxBytes} bytes.`);
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
    this.#remove(key);
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
      const [key, { expiresAt }] = next.value;
      if (expiresAt !== null && this.#now() > expiresAt) this.#remove(key);
    }
  }

  #nextStreamId(): string {
    const now = Math.max(this.#now(), this.#lastStreamMs);
    this.#streamCounter = now === this.#lastStreamMs ? this.#streamCounter + 1 : 0;
    this.#lastStreamMs = now;
    return `${now}-${this.#streamCounter}`;
  }
}

function toBuffer(value: Bytes): Buffer {
  // A copy: Redis would hold one too, and the caller may go on writing into its own.
  return typeof value === 'string' ? Buffer.from(value) : Buffer.from(value);
}

function compareStreamIds(a: string, b: string): number {
  const [aMs = 0, aSequence = 0] = a.split('-').map(Number);
  const [bMs = 0, bSequence = 0] = b.split('-').map(Number);
  return aMs - bMs || aSequence - bSequence;
}
