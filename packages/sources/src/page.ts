import { encodeKeyPart, type JsonPart, maxNesting, nestingRule, outlineJson, Turns } from '@holdfast/redis-core';
import { UpstreamInvalidError } from './errors.ts';
import type { SourceOptions } from './options.ts';
import type { OutlineBounds, OutlinedJson } from './upstream-client.ts';

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
  /** The item as JSON, as the upstream sent it. */
  readonly body: string;
}

/** How much of a page has to be looked into to find its items, and its total. */
export function outlineBoundsOf({ itemsField, pagination, maxItems }: SourceOptions): OutlineBounds {
  const total = pagination.kind === 'page' ? namesOf(pagination.totalField ?? '').length : 0;
  // What stands beside the items, and at the same level, counts too.
  return { levels: Math.max(namesOf(itemsField).length + 1, total), maxParts: 2 * maxItems + besideItems };
}

const besideItems = 100_000;

/**
 * Finds the items of a page, and its total. The page is not parsed, of an item only its id is: what is mirrored are the bytes that
 * came. Others get their turn now and then.
 *
 * @param page looked into as `outlineBoundsOf` says
 * @throws {UpstreamInvalidError} without the list or the total, or when an item has no usable id.
 */
export async function readPage({ bytes, whole }: OutlinedJson, number: number, source: SourceOptions): Promise<Page> {
  const list = at(whole, source.itemsField);
  if (list === undefined || bytes[list.start] !== bracket) {
    throw new UpstreamInvalidError(`Page ${number} of "${source.name}" has no list at "${source.itemsField}".`);
  }
  const items: SourceItem[] = [];
  const turns = new Turns();
  for (const [index, part] of list.parts.entries()) {
    const turn = turns.worked(part.end - part.start);
    if (turn !== undefined) await turn;
    items.push(readItem(bytes, part, `Page ${number} of "${source.name}", item ${index}`, source));
  }
  const totalField = source.pagination.kind === 'page' ? source.pagination.totalField : undefined;
  return totalField === undefined
    ? { number, items }
    : { number, items, total: readTotal(scalarIn(bytes, at(whole, totalField)), number, totalField, source) };
}

function readItem(bytes: Buffer, part: JsonPart, where: string, source: SourceOptions): SourceItem {
  const item = bytes.subarray(part.start, part.end);
  if (item[0] !== brace) throw new UpstreamInvalidError(`${where} is not an object.`);
  if (part.depth > maxNesting) throw new UpstreamInvalidError(`${where} ${nestingRule}.`);
  const value = idIn(item, source.idField);
  const id = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof id !== 'string') {
    throw new UpstreamInvalidError(`${where} has no text or safe integer at "${source.idField}".`);
  }
  try {
    encodeKeyPart(id, 'id');
  } catch (error) {
    throw new UpstreamInvalidError(`${where} has an id that cannot be a key.`, { cause: error });
  }
  return { id, body: item.toString() };
}

function idIn(item: Buffer, idField: string): unknown {
  const outline = outlineJson(item, 1, maxFields);
  if (typeof outline === 'string') return undefined;
  return scalarIn(
    item,
    outline.parts.findLast(({ name }) => name === idField),
  );
}

const maxFields = 100_000;

function readTotal(value: unknown, number: number, totalField: string, source: SourceOptions): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new UpstreamInvalidError(`Page ${number} of "${source.name}" has no whole number at "${totalField}".`);
}

/** Its value where it is neither an object nor a list. */
function scalarIn(bytes: Buffer, part: JsonPart | undefined): unknown {
  return part === undefined || part.containers > 0
    ? undefined
    : JSON.parse(bytes.toString('utf8', part.start, part.end));
}

/** Follows dots through the fields of objects; of equal ones the last counts. */
function at(whole: JsonPart, path: string): JsonPart | undefined {
  return namesOf(path).reduce<JsonPart | undefined>(
    (part, wanted) => part?.parts.findLast(({ name }) => name === wanted),
    whole,
  );
}

function namesOf(path: string): readonly string[] {
  return path === '' ? [] : path.split('.');
}

const bracket = 0x5b;
const brace = 0x7b;
