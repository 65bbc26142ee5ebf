import type { JsonPart } from '@holdfast/redis-core';
import { maxNesting, nestingRule, outlineJson } from '@holdfast/redis-core';
import { parse } from 'secure-json-parse';
import { ApiError, apiErrors, invalidRequest } from './errors.ts';

/** What of a body is its caller's own, and may be larger than the 64 KiB that the rest of it may have. */
export interface LargeParts {
  /** The names on the way to a value that may be anything; none: the whole body. */
  readonly value?: readonly string[];
  /**
   * Lists with a member for each thing that is asked for, by their names. `texts`: parsed with the body. `items`: members may be
   * large, so each is left as its bytes (a Buffer), to be parsed alone.
   */
  readonly lists?: Readonly<Record<string, 'texts' | 'items'>>;
}

/** Bytes of all that is not its caller's own; what is in it may be parsed, and looked at as a whole. */
export const maxEnvelopeBytes = 64 * 1024;
/** As many commas as there can be in such a body; and more than the items of two lists, which a route bounds by its schema. */
const maxParts = 32 * 1024;
/**
 * A value may have so many objects and lists, and one for each eight of its bytes besides. A list of `{"x":1,"y":2}` has half as many,
 * one of `[]` three times as many: parsed it takes thirteen times the memory of its bytes, and one of `{}` twenty times.
 */
const freeContainers = 16 * 1024;
const bytesPerContainer = 8;

/**
 * A body of JSON. How deep and how much it is, is known before anything of it is parsed: parsed, it may take twenty times its bytes.
 *
 * @throws ApiError BODY_INVALID_JSON, JSON_TOO_DEEP, JSON_TOO_MANY_MEMBERS, BODY_TOO_LARGE
 */
export function readJsonBody(bytes: Buffer, { value, lists }: LargeParts = {}): unknown {
  const text = withoutMark(bytes);
  if (lists !== undefined) return readLists(text, lists);
  const whole = outlineOf(text, value?.length ?? 0);
  const part = value === undefined ? undefined : find(whole, value);
  const around = part === undefined ? whole.depth : depthWithout(whole, part);
  if (around > maxNesting) throw tooDeep('body');
  if (part !== undefined) requireBoundedValue(part, `/${value?.join('/') ?? ''}`);
  requireSmallEnvelope(text.length - (part === undefined ? 0 : part.end - part.start), value ?? []);
  return parseJson(text);
}

/** One of many items, taken apart: see `readItem`. */
export interface ItemParts<Own extends string> {
  /** The item with `null` for each value that is its caller's own; nobody else has it. */
  readonly envelope: unknown;
  readonly own: { readonly [Name in Own]?: OwnValue };
}

/** A value that has not been parsed. */
export interface OwnValue {
  readonly bytes: Buffer;
  readonly part: JsonPart;
}

/**
 * Takes an item apart without parsing what is its caller's own.
 *
 * @param names of those values
 * @param path of the item in the body, as a JSON pointer
 * @throws ApiError JSON_TOO_DEEP, JSON_TOO_MANY_MEMBERS, BODY_TOO_LARGE of the rest
 */
export function readItem<Own extends string>(bytes: Buffer, names: readonly Own[], path: string): ItemParts<Own> {
  const whole = outlineOf(bytes, 1);
  const own: { [Name in Own]?: OwnValue } = {};
  const cut: JsonPart[] = [];
  let depth = whole.parts.length === 0 ? whole.depth : 1;
  let envelopeBytes = bytes.length;
  for (const part of whole.parts) {
    const name = names.find((one) => one === part.name);
    if (name === undefined) depth = Math.max(depth, part.depth + 1);
    else {
      cut.push(part);
      own[name] = { bytes: bytes.subarray(part.start, part.end), part };
      envelopeBytes -= part.end - part.start;
    }
  }
  if (depth > maxNesting) throw tooDeep(path);
  if (envelopeBytes > maxEnvelopeBytes) throw tooLarge(`${path} has`, names);
  return { envelope: parseText(textWithout(bytes, cut, 'null')), own };
}

/** @throws ApiError JSON_TOO_DEEP, JSON_TOO_MANY_MEMBERS for a value that must not be parsed */
export function requireBoundedValue(part: JsonPart, path: string): void {
  requireBoundedDepth(part, path);
  const most = freeContainers + Math.floor((part.end - part.start) / bytesPerContainer);
  if (part.containers <= most) return;
  const message = `must not have more than ${most} objects and lists in so many bytes`;
  throw new ApiError(apiErrors.jsonTooManyMembers, `${path} ${message}.`, { issues: [{ path, message }] });
}

/** @throws ApiError JSON_TOO_DEEP */
export function requireBoundedDepth({ depth }: JsonPart, path: string): void {
  if (depth > maxNesting) throw tooDeep(path);
}

/** @throws ApiError BODY_INVALID_JSON also for names that would make an object another one */
export function parseJson(bytes: Buffer): unknown {
  return parseText(bytes.toString());
}

function parseText(text: string): unknown {
  try {
    return parse(text, { protoAction: 'error', constructorAction: 'error' }) as unknown;
  } catch (cause) {
    throw new ApiError(apiErrors.bodyInvalidJson, 'The body cannot be parsed as JSON.', { cause });
  }
}

export function tooDeep(path: string): ApiError {
  return new ApiError(apiErrors.jsonTooDeep, `${path} ${nestingRule}.`, { issues: [{ path, message: nestingRule }] });
}

function readLists(bytes: Buffer, lists: NonNullable<LargeParts['lists']>): unknown {
  const whole = outlineOf(bytes, 2);
  const cut = whole.parts.filter(
    ({ name, start }) => name !== undefined && Object.hasOwn(lists, name) && bytes[start] === bracket,
  );
  requireSmallEnvelope(bytes.length - cut.reduce((sum, { start, end }) => sum + end - start, 0), Object.keys(lists));
  const depth = Math.max(1, ...whole.parts.filter((part) => !cut.includes(part)).map((part) => part.depth + 1));
  if (depth > maxNesting) throw tooDeep('body');
  const body = parseText(textWithout(bytes, cut, '[]'));
  for (const list of cut) {
    const { name = '' } = list;
    (body as Record<string, unknown>)[name] =
      lists[name] === 'items' ? list.parts.map(({ start, end }) => bytes.subarray(start, end)) : textsOf(bytes, list);
  }
  return body;
}

/** Objects and lists among them could be any number of times as large as the text. */
function textsOf(bytes: Buffer, list: JsonPart): unknown {
  const wrong = list.parts.findIndex(({ containers }) => containers > 0);
  if (wrong !== -1) throw invalidRequest(`/${list.name ?? ''}/${wrong}`, 'must be string');
  return JSON.parse(bytes.toString('utf8', list.start, list.end));
}

function outlineOf(bytes: Buffer, levels: number): JsonPart {
  const outline = outlineJson(bytes, levels, maxParts);
  if (outline === 'invalid' || outline === 'cut off')
    throw new ApiError(apiErrors.bodyInvalidJson, 'The body cannot be parsed as JSON.');
  if (outline === 'too many parts') {
    throw new ApiError(apiErrors.jsonTooManyMembers, `The body has more than ${maxParts} members.`);
  }
  return outline;
}

/** The one under these names; of equal names the last, as that is the one which counts. */
function find(whole: JsonPart, path: readonly string[]): JsonPart | undefined {
  return path.reduce<JsonPart | undefined>(
    (part, wanted) => part?.parts.findLast(({ name }) => name === wanted),
    whole,
  );
}

/** Levels of a body without those of one of its parts. */
function depthWithout(whole: JsonPart, without: JsonPart): number {
  if (whole === without) return 0;
  if (whole.parts.length === 0) return whole.depth;
  return 1 + Math.max(...whole.parts.map((part) => depthWithout(part, without)));
}

function requireSmallEnvelope(bytes: number, besides: readonly string[]): void {
  if (bytes > maxEnvelopeBytes) throw tooLarge('The body has', besides);
}

function tooLarge(what: string, besides: readonly string[]): ApiError {
  const beside = besides.length === 0 ? '' : ` beside ${besides.join(' and ')}`;
  return new ApiError(apiErrors.bodyTooLarge, `${what} more than ${maxEnvelopeBytes} bytes${beside}.`);
}

/** With something short where parts stand, which follow each other. */
function textWithout(bytes: Buffer, parts: readonly JsonPart[], instead: string): string {
  let text = '';
  let from = 0;
  for (const { start, end } of parts) {
    text += bytes.toString('utf8', from, start) + instead;
    from = end;
  }
  return text + bytes.toString('utf8', from);
}

/** A byte order mark is no part of the text (RFC 8259, 8.1). */
function withoutMark(bytes: Buffer): Buffer {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

const bracket = 0x5b;
