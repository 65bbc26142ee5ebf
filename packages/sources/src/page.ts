import { encodeKeyPart, nestingRule, toBoundedJson } from '@holdfast/redis-core';
import { UpstreamInvalidError } from './errors.ts';
import type { SourceOptions } from './options.ts';

/** One answer of the upstream, checked and reduced to what the mirror stores. */
export interface Page {
  /** From 1. */
  readonly number: number;
  readonly items: readonly SourceItem[];
  /** Items in the whole collection, as this answer says; only where the source has a `totalField`. */
  readonly total?: number;
}

export interface SourceItem {
  readonly id: string;
  /** The item as JSON, fields in the order in which the upstream sent them. */
  readonly body: string;
}

/**
 * Reads the configured fields of a parsed body. Pure.
 * @throws {UpstreamInvalidError} without the list or the total, or when an item has no usable id.
 */
export function readPage(body: unknown, number: number, source: SourceOptions): Page {
  const list = at(body, source.itemsField);
  if (!Array.isArray(list)) {
    throw new UpstreamInvalidError(`Page ${number} of "${source.name}" has no list at "${source.itemsField}".`);
  }
  const items = list.map((item: unknown, index) =>
    readItem(item, `Page ${number} of "${source.name}", item ${index}`, source),
  );
  const totalField = source.pagination.kind === 'page' ? source.pagination.totalField : undefined;
  return totalField === undefined
    ? { number, items }
    : { number, items, total: readTotal(at(body, totalField), number, totalField, source) };
}

function readItem(item: unknown, where: string, source: SourceOptions): SourceItem {
  if (!isObject(item)) throw new UpstreamInvalidError(`${where} is not an object.`);
  const value = Object.hasOwn(item, source.idField) ? item[source.idField] : undefined;
  const id = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof id !== 'string') {
    throw new UpstreamInvalidError(`${where} has no text or safe integer at "${source.idField}".`);
  }
  try {
    encodeKeyPart(id, 'id');
  } catch (error) {
    throw new UpstreamInvalidError(`${where} has an id that cannot be a key.`, { cause: error });
  }
  return { id, body: jsonOf(item, where) };
}

/** One that nobody could read in a list of items is none that can be mirrored. */
function jsonOf(item: object, where: string): string {
  try {
    return toBoundedJson(item) ?? '';
  } catch (cause) {
    throw new UpstreamInvalidError(`${where} ${nestingRule}.`, { cause });
  }
}

function readTotal(value: unknown, number: number, totalField: string, source: SourceOptions): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new UpstreamInvalidError(`Page ${number} of "${source.name}" has no whole number at "${totalField}".`);
}

/** Follows dots through own fields only. */
function at(body: unknown, path: string): unknown {
  if (path === '') return body;
  let value = body;
  for (const field of path.split('.')) {
    if (!isObject(value) || !Object.hasOwn(value, field)) return undefined;
    value = value[field];
  }
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
