import { createHash } from 'node:crypto';
import type { Keys, TwinStore } from '@holdfast/redis-core';
import type { TwinTags } from './tags-state.ts';
import { peek } from './twin-entries.ts';

/**
 * Where notes go that are too many for the sorted set: a bucket is a Bloom filter of the tags of about a million notes that
 * follow each other, so each tag takes 2 bytes in the place of about 100. It never forgets one; it takes a tag that was not
 * invalidated for one that was in 2 of 1,000 cases. When all buckets are in use two neighbours become one, which is wrong
 * more often, so the share of entries that go without a reason grows slowly, and none ever stays without a right to.
 *
 * A bucket is a string: the epoch, the number of its notes in 8 digits, and the bits. What is not headed by the epoch
 * was lost or belongs to an earlier state: then all is invalid that has not seen the newest note that was in it.
 */
const BUCKETS = 32;
/** Notes that a bucket takes before the next one begins. */
export const NOTES_A_BUCKET = 1_000_000;
/** 2 MiB. */
export const BITS_A_BUCKET = 2 ** 24;
const HEAD_BYTES = 16;
const HASHES = 4;

/** The key of a namespace's tags, and those of their buckets. */
export function tagKeys(keys: Keys, namespace: string): string[] {
  const buckets = Array.from({ length: BUCKETS }, (_, bucket) => keys.cacheTags(namespace, bucket));
  return [keys.cacheTags(namespace), ...buckets];
}

/** One that is in use; `count` is `undefined` for one that was lost. */
export interface TwinBucket {
  readonly index: number;
  readonly newest: number;
  readonly count: number | undefined;
}

export function bucketMember(index: number): string {
  return `=bucket:${index - 1}`;
}

export function bucketPositions(tag: string, bits: number): number[] {
  const digest = createHash('sha1').update(tag).digest('hex');
  return Array.from(
    { length: HASHES },
    (_, index) => Number.parseInt(digest.slice(index * 6, index * 6 + 6), 16) % bits,
  );
}

/** Oldest first. `keys` are those of the script. */
export function twinBuckets(tags: TwinTags, keys: readonly string[], epoch: string): TwinBucket[] {
  const buckets: TwinBucket[] = [];
  for (let index = 1; index < keys.length; index += 1) {
    const newest = -tags.score(bucketMember(index));
    if (newest <= 0) continue;
    const stored = peek(tags.store, keys[index] ?? '');
    const head = Buffer.isBuffer(stored) ? stored.toString('latin1', 0, HEAD_BYTES) : '';
    buckets.push({ index, newest, count: head.startsWith(epoch) ? Number(head.slice(8)) : undefined });
  }
  return buckets.sort((a, b) => a.newest - b.newest);
}

export function emptyBucket(bits: number): Buffer {
  return Buffer.alloc(HEAD_BYTES + Math.ceil(bits / 8));
}

/** As it is after it took so many notes. */
export function nameBucket(bucket: Buffer, epoch: string, count: number): void {
  bucket.write(epoch + String(count).padStart(8, '0'), 'latin1');
}

export function addToBucket(bucket: Buffer, tag: string, bits: number): void {
  for (const position of bucketPositions(tag, bits)) {
    const at = HEAD_BYTES + (position >> 3);
    bucket[at] = (bucket[at] ?? 0) | (0x80 >> (position & 7));
  }
}

export function bucketHas(bucket: Buffer, positions: readonly number[]): boolean {
  return positions.every((position) => ((bucket[HEAD_BYTES + (position >> 3)] ?? 0) & (0x80 >> (position & 7))) !== 0);
}

/** What is in either. */
export function united(store: TwinStore, one: string, other: string): Buffer {
  const bytes = Buffer.from(store.get(one) ?? Buffer.alloc(0));
  for (const [at, byte] of (store.get(other) ?? Buffer.alloc(0)).entries()) bytes[at] = (bytes[at] ?? 0) | byte;
  return bytes;
}
