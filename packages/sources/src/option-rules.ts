import {
  anything,
  callback,
  checkOptions,
  flag,
  milliseconds,
  oneOf,
  type OptionRules,
  text,
  wholeNumber,
} from '@holdfast/redis-core';
import type { MirrorOptions } from './mirror.ts';
import type { ItemsPage, Pagination, SourceOptions, SyncOptions, UpstreamOptions } from './options.ts';

/** What the options of this package may be, by their names. All functions throw OptionInvalidError. */

const mirror: OptionRules<MirrorOptions> = {
  source: anything,
  engine: anything,
  keys: anything,
  cache: anything,
  upstream: anything,
  now: callback,
};
const upstream: OptionRules<UpstreamOptions> = { baseUrl: text, apiKey: text };
const source: OptionRules<SourceOptions> = {
  name: text,
  namespace: text,
  path: text,
  itemsField: text,
  idField: text,
  pagination: anything,
  timeoutMs: milliseconds(1),
  maxPages: wholeNumber(1),
  maxItems: wholeNumber(1),
  maxPageBytes: wholeNumber(1),
  allowEmpty: flag,
  softTtlMs: wholeNumber(0),
};
const kind = oneOf('page', 'none');
const byPage: OptionRules<Extract<Pagination, { kind: 'page' }>> = {
  kind,
  pageParam: text,
  sizeParam: text,
  size: wholeNumber(1),
  totalField: text,
};
const unpaged: OptionRules<Extract<Pagination, { kind: 'none' }>> = { kind };

export function checkMirrorOptions(options: MirrorOptions): void {
  checkOptions('Mirror', options, mirror);
  checkOptions('the upstream of Mirror', options.upstream, upstream);
  checkOptions('the source of Mirror', options.source, source);
  const { pagination } = options.source;
  if (pagination.kind === 'page') checkOptions('the pagination of Mirror', pagination, byPage);
  else checkOptions('the pagination of Mirror', pagination, unpaged);
}

const sync: OptionRules<SyncOptions> = { signal: anything, onProgress: callback };

export function checkSyncOptions(options: SyncOptions): void {
  checkOptions('sync', options, sync);
}

const page: OptionRules<ItemsPage> = { cursor: text, limit: wholeNumber(1) };

export function checkItemsPage(given: ItemsPage): void {
  checkOptions('items', given, page);
}
