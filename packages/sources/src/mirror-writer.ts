import type { Cache, CacheEntry } from '@holdfast/cache';
import { SourceEmptyError, SourceWriteError } from './errors.ts';
import { MirrorIndex, SEARCH_DUE } from './mirror-index.ts';
import type { Keys, RedisEngine } from '@holdfast/redis-core';
import type { SourceOptions, SyncOptions } from './options.ts';

/** Between two of these a sync can be cancelled and tells its progress; a multiple of the cache's batch of 50. */
const WRITE_GROUP = 250;
const PRUNE_GROUP = 500;
const LIST_PAGE = 1_000;

export interface MirrorParts {
  readonly source: SourceOptions;
  readonly engine: RedisEngine;
  readonly keys: Keys;
  readonly cache: Cache;
}

export interface WriteCounts {
  readonly updated: number;
  readonly unchanged: number;
  readonly deleted: number;
  readonly commands: number;
  /** Items of an index that was lost have not been looked for yet. */
  readonly isSearchDue: boolean;
}

/** The origin that tells the entries of a mirror from those that users put into the same namespace. */
export function sourceOrigin(source: SourceOptions): string {
  return `source:${source.name}`;
}

/**
 * Makes the mirror equal to `items`. The order of the steps is what makes a crash harmless, at any of them:
 *
 * 1. every id is in the index before its item is written, so nothing is written that no later sync would find;
 * 2. nothing is removed before everything is written;
 * 3. an item is deleted before its id leaves the index, so what was not deleted is found again.
 *
 * Two processes at once are harmless too: both write what the upstream had a moment ago, the next sync settles what
 * differs, and no entry is left outside the index: a writer adds its ids again at the end, and a pruner puts back the
 * ids that somebody wrote meanwhile.
 *
 * @throws {SourceEmptyError} before anything is touched
 * @throws {SourceWriteError} when any write failed; nothing was pruned then
 */
export async function writeMirror(
  parts: MirrorParts,
  items: ReadonlyMap<string, string>,
  options: SyncOptions,
): Promise<WriteCounts> {
  const { source, cache } = parts;
  const index = new MirrorIndex(parts.engine, parts.keys, source.name);
  let commands = 0;

  const before = await index.all();
  const lost =
    before.ids.length === 0 || before.isSearchDue
      ? await findLost(cache, sourceOrigin(source), new Set([...before.ids, ...items.keys()]))
      : undefined;
  const known = lost === undefined ? before.ids : [...before.ids, ...lost.ids];
  commands += lost?.commands ?? 0;
  const isSearchDue = lost?.isDue === true;
  if (items.size === 0 && known.length > 0 && source.allowEmpty !== true) {
    throw new SourceEmptyError(`The upstream of "${source.name}" has no items; the mirror keeps its ${known.length}.`);
  }

  // With a lost index the old ids go in as well: were they left out, a crash right here would lose them for good.
  await index.add(
    lost === undefined ? items.keys() : new Set([...known, ...items.keys(), ...(isSearchDue ? [SEARCH_DUE] : [])]),
  );
  if (before.isSearchDue && !isSearchDue) await index.remove([SEARCH_DUE]);
  const written = await writeItems(cache, source, items, options);
  if (items.size > 0) await index.add(items.keys());

  const removed = known.filter((id) => !items.has(id));
  const pruned = await prune(cache, source, index, removed, options);
  return {
    updated: written.updated,
    unchanged: written.unchanged,
    deleted: pruned.deleted,
    commands: commands + written.commands + pruned.commands + index.commands,
    isSearchDue,
  };
}

async function writeItems(
  cache: Cache,
  source: SourceOptions,
  items: ReadonlyMap<string, string>,
  options: SyncOptions,
): Promise<{ updated: number; unchanged: number; commands: number }> {
  const origin = sourceOrigin(source);
  // No expiry: an item ends when the upstream no longer has it, not when the upstream could not be asked.
  const all = Array.from(items, ([key, body]) => ({ key, body, contentType: 'application/json', ttlMs: null, origin }));
  let unchanged = 0;
  let commands = 0;
  for (let offset = 0; offset < all.length; offset += WRITE_GROUP) {
    options.signal?.throwIfAborted();
    options.onProgress?.({ phase: 'write', done: offset, total: all.length });
    const result = await cache.writeMany(all.slice(offset, offset + WRITE_GROUP));
    commands += result.commands;
    const [first] = result.errors;
    if (first !== undefined) {
      const message = `${result.failed} items of "${source.name}" could not be written; the first: ${first.detail}`;
      throw new SourceWriteError(message);
    }
    if (result.outcomes.includes('off')) {
      throw new SourceWriteError(`The cache namespace "${cache.namespace}" is off (its TTL is 0) and stores nothing.`);
    }
    unchanged += result.outcomes.filter((outcome) => outcome === 'unchanged').length;
  }
  options.onProgress?.({ phase: 'write', done: all.length, total: all.length });
  return { updated: all.length - unchanged, unchanged, commands };
}

async function prune(
  cache: Cache,
  source: SourceOptions,
  index: MirrorIndex,
  removed: readonly string[],
  options: SyncOptions,
): Promise<{ deleted: number; commands: number }> {
  const tag = sourceOrigin(source);
  let deleted = 0;
  let commands = 0;
  for (let offset = 0; offset < removed.length; offset += PRUNE_GROUP) {
    options.signal?.throwIfAborted();
    options.onProgress?.({ phase: 'prune', done: offset, total: removed.length });
    const ids = removed.slice(offset, offset + PRUNE_GROUP);
    const entries = await cache.readMany(ids, { countsAsUse: false });
    commands += 1;
    const mine = ids.filter((_, position) => isMirrored(entries[position], tag));
    if (mine.length > 0) {
      const result = await cache.deleteMany(mine);
      commands += result.commands;
      const [first] = result.errors;
      if (first !== undefined) {
        const message = `${result.failed} items of "${source.name}" could not be deleted; the first: ${first.detail}`;
        throw new SourceWriteError(message);
      }
    }
    await index.remove(ids);
    if (mine.length > 0) {
      const again = await cache.readMany(mine, { countsAsUse: false });
      commands += 1;
      await index.add(mine.filter((_, position) => isMirrored(again[position], tag)));
    }
    deleted += entries.filter((entry) => entry === null || isMirrored(entry, tag)).length;
  }
  if (removed.length > 0) options.onProgress?.({ phase: 'prune', done: removed.length, total: removed.length });
  return { deleted, commands };
}

interface LostItems {
  readonly ids: readonly string[];
  readonly commands: number;
  /** It cannot be told yet: the index of the namespace is not complete. */
  readonly isDue: boolean;
}

/**
 * Finds the entries of a mirror whose index is gone, or was never there, by their origin, but for those that are `known`. They are looked
 * for in the index of the namespace; while that is being completed, in a later sync. A namespace without an index is read whole, with
 * all keys of the Redis looked at.
 */
async function findLost(cache: Cache, tag: string, known: ReadonlySet<string>): Promise<LostItems> {
  const indexed = await cache.indexedKeys();
  if (indexed === null) return { ids: [], commands: 1, isDue: true };
  if (indexed === undefined) return findInPages(cache, tag, known);
  const ids: string[] = [];
  const keys = indexed.keys.filter((key) => !known.has(key));
  const commands = indexed.pages + (await addMirrored(cache, tag, keys, ids));
  return { ids, commands, isDue: false };
}

async function findInPages(cache: Cache, tag: string, known: ReadonlySet<string>): Promise<LostItems> {
  const ids: string[] = [];
  let commands = 0;
  let cursor: string | null = null;
  do {
    const page: { keys: string[]; cursor: string | null } = await cache.list({
      limit: LIST_PAGE,
      ...(cursor === null ? {} : { cursor }),
    });
    // The page, and what a read would find of it.
    commands += page.keys.length === 0 ? 1 : 2;
    cursor = page.cursor;
    const keys = page.keys.filter((key) => !known.has(key));
    commands += await addMirrored(cache, tag, keys, ids);
  } while (cursor !== null);
  return { ids: [...new Set(ids)], commands, isDue: false };
}

/** Adds those keys to `ids` that are of the mirror. Replies how many commands it took. */
async function addMirrored(cache: Cache, tag: string, keys: readonly string[], ids: string[]): Promise<number> {
  let commands = 0;
  for (let offset = 0; offset < keys.length; offset += PRUNE_GROUP) {
    const some = keys.slice(offset, offset + PRUNE_GROUP);
    const entries = await cache.readMany(some, { countsAsUse: false });
    commands += 1;
    ids.push(...some.filter((_, position) => isMirrored(entries[position], tag)));
  }
  return commands;
}

export function isMirrored(entry: CacheEntry | null | undefined, tag: string): entry is CacheEntry {
  return entry?.origin === tag;
}
