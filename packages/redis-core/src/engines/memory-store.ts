import type {
  Bytes,
  ScanPage,
  ScanReply,
  ScoredMember,
  SortedSetPage,
  SortedSetRange,
  SortedSetScanReply,
  StreamEntry,
  TwinStore,
} from '../engine.ts';
import { CommandError } from '../errors.ts';
import { MemoryScans } from './memory-scans.ts';
import {
  FIELD_OVERHEAD_BYTES,
  MEMBER_OVERHEAD_BYTES,
  MemorySlots,
  type MemorySlotsOptions,
  OVERHEAD_BYTES,
} from './memory-slots.ts';
import { SortedSet } from './sorted-set.ts';
import { compareStreamIds, StreamIds } from './stream-ids.ts';

/** The data of the memory engine: Redis' semantics, synchronous, bounded in bytes. */
export class MemoryStore implements TwinStore {
  readonly #slots: MemorySlots;
  readonly #scans: MemoryScans;
  readonly #streamIds: StreamIds;

  constructor(options: MemorySlotsOptions = {}) {
    this.#slots = new MemorySlots(options);
    this.#scans = new MemoryScans(this.#slots);
    this.#streamIds = new StreamIds(this.#slots.now);
  }

  get bytes(): number {
    return this.#slots.bytes;
  }

  get keyCount(): number {
    return this.#slots.size;
  }

  get maxBytes(): number {
    return this.#slots.maxBytes;
  }

  now(): number {
    return this.#slots.now();
  }

  close(): void {
    this.#slots.close();
    this.#scans.clear();
  }

  exists(key: string): boolean {
    return this.#slots.live(key) !== undefined;
  }

  get(key: string): Buffer | null {
    return this.#slots.read(key, 'string') ?? null;
  }

  /** As MGET reads: a key of another type is `null`. */
  getLenient(key: string): Buffer | null {
    const value = this.#slots.live(key)?.value;
    return value?.type === 'string' ? value.data : null;
  }

  set(key: string, value: Bytes, pxMs?: number): void {
    const data = toBuffer(value);
    const expiresAt = pxMs === undefined ? null : this.#slots.now() + pxMs;
    const existing = this.#slots.live(key);
    const bytes = OVERHEAD_BYTES + key.length + data.length;
    this.#slots.makeRoom(bytes - (existing?.bytes ?? 0), key);
    const slot = this.#slots.live(key);
    if (slot === undefined) {
      this.#slots.create(key, { type: 'string', data }, bytes, expiresAt);
    } else {
      this.#slots.grow(key, bytes - slot.bytes);
      slot.value = { type: 'string', data };
      slot.expiresAt = expiresAt;
      slot.referenced = true;
    }
  }

  del(key: string): boolean {
    return this.#slots.live(key) !== undefined && this.#slots.remove(key);
  }

  pexpire(key: string, ttlMs: number): boolean {
    const slot = this.#slots.live(key);
    if (slot === undefined) return false;
    if (ttlMs <= 0) return this.#slots.remove(key);
    slot.expiresAt = this.#slots.now() + ttlMs;
    return true;
  }

  pttl(key: string): number | null | undefined {
    const slot = this.#slots.live(key);
    if (slot === undefined) return undefined;
    return slot.expiresAt === null ? null : slot.expiresAt - this.#slots.now();
  }

  hget(key: string, field: string): Buffer | null {
    return this.#slots.read(key, 'hash')?.get(field) ?? null;
  }

  hgetall(key: string): Map<string, Buffer> {
    return new Map(this.#slots.read(key, 'hash'));
  }

  hset(key: string, field: string, value: Bytes): boolean {
    const data = toBuffer(value);
    const hash = this.#slots.write(key, 'hash', () => new Map<string, Buffer>(), fieldBytes(field, data));
    const before = hash.get(field);
    hash.set(field, data);
    if (before !== undefined) this.#slots.grow(key, -fieldBytes(field, before));
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
    const hash = this.#slots.read(key, 'hash');
    const before = hash?.get(field);
    if (hash === undefined || before === undefined) return false;
    hash.delete(field);
    this.#slots.grow(key, -fieldBytes(field, before));
    if (hash.size === 0) this.#slots.remove(key);
    return true;
  }

  hlen(key: string): number {
    return this.#slots.read(key, 'hash')?.size ?? 0;
  }

  zadd(key: string, member: string, score: number): boolean {
    const set = this.#slots.write(key, 'zset', () => new SortedSet(), member.length + MEMBER_OVERHEAD_BYTES);
    const added = set.add(member, score);
    if (!added) this.#slots.grow(key, -(member.length + MEMBER_OVERHEAD_BYTES));
    return added;
  }

  zscore(key: string, member: string): number | null {
    return this.#slots.read(key, 'zset')?.score(member) ?? null;
  }

  zrange(key: string, range: SortedSetRange): ScoredMember[] {
    return this.#slots.read(key, 'zset')?.range(range) ?? [];
  }

  zscan(key: string, page: SortedSetPage): SortedSetScanReply {
    return this.#slots.read(key, 'zset')?.scan(page) ?? { members: [], cursor: null };
  }

  zrem(key: string, member: string): boolean {
    const set = this.#slots.read(key, 'zset');
    if (set === undefined || !set.remove(member)) return false;
    this.#slots.grow(key, -(member.length + MEMBER_OVERHEAD_BYTES));
    if (set.size === 0) this.#slots.remove(key);
    return true;
  }

  zcard(key: string): number {
    return this.#slots.read(key, 'zset')?.size ?? 0;
  }

  xadd(key: string, fields: Readonly<Record<string, Bytes>>, maxLength?: number): string {
    const entries = Object.entries(fields).map(([name, value]): [string, Buffer] => [name, toBuffer(value)]);
    const bytes = entries.reduce((sum, [name, value]) => sum + name.length + value.length, OVERHEAD_BYTES);
    const stream = this.#slots.write(key, 'stream', (): StreamEntry[] => [], bytes);
    const id = this.#streamIds.next();
    stream.push({ id, fields: new Map(entries) });
    if (maxLength !== undefined && stream.length > maxLength) stream.splice(0, stream.length - maxLength);
    return id;
  }

  xrange(key: string, range: { readonly after?: string; readonly count: number }): StreamEntry[] {
    const stream = this.#slots.read(key, 'stream') ?? [];
    const { after } = range;
    const first = after === undefined ? 0 : stream.findIndex(({ id }) => compareStreamIds(id, after) > 0);
    return first === -1 ? [] : stream.slice(first, first + range.count);
  }

  scan(page: ScanPage): ScanReply {
    return this.#scans.page(page);
  }
}

/** What a field of a hash takes. */
function fieldBytes(field: string, data: Buffer): number {
  return FIELD_OVERHEAD_BYTES + field.length + data.length;
}

function toBuffer(value: Bytes): Buffer {
  // A copy: Redis would hold one too, and the caller may go on writing into its own. It has memory of its own, because a
  // slice of Node's pool holds the 64 KiB around it for as long as it lives: measured, twice to three times what it counts.
  const bytes = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
  const own = Buffer.allocUnsafeSlow(bytes);
  if (typeof value === 'string') own.write(value);
  else own.set(value);
  return own;
}
