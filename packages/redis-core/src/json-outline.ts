import { isUtf8 } from 'node:buffer';
import { type Context, contexts, events, FIRST_EVENT, mayEnd, stateOf, transitions } from './json-states.ts';

/** A value in the bytes of a JSON text: where it stands, and how much is in it. */
export interface JsonPart {
  /** Under which it stands in an object; of other parts there is none. */
  readonly name: string | undefined;
  /** Of its first byte. */
  readonly start: number;
  /** Behind its last byte. */
  readonly end: number;
  /** Levels of objects and lists, itself included. */
  readonly depth: number;
  /** Objects and lists in it, itself included. Parsed they take up to twenty times the memory of their bytes. */
  readonly containers: number;
  /** Of an object or a list that was looked into: its members, in their order. */
  readonly parts: readonly JsonPart[];
}

export type JsonOutline =
  | JsonPart
  /** `JSON.parse` would refuse the text, or the bytes are not UTF-8. */
  | 'invalid'
  /** It ends within a value. */
  | 'cut off'
  | 'too many parts';

/**
 * What is in JSON (RFC 8259, as `JSON.parse` has it), found by looking at each byte once and without making anything of them:
 * neither a text nor a value. So it can be told how much there is before it is parsed, and parts can be parsed alone.
 *
 * @param levels How many levels of objects and lists are looked into: with 1 the whole has its parts, with 2 those have theirs.
 * @param maxParts The look ends where there are more.
 */
export function outlineJson(bytes: Uint8Array, levels: number, maxParts: number): JsonOutline {
  return isUtf8(bytes) ? new Outliner(bytes, levels, maxParts).outline() : 'invalid';
}

/** An object or a list that is looked into and has not ended. */
interface OpenPart {
  readonly start: number;
  readonly containersBefore: number;
  readonly parts: JsonPart[];
  depth: number;
  /** Where its next member begins, with the white space before it, and its name. */
  memberStart: number;
  containersBeforeMember: number;
}

const COLON = 0x3a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const none: readonly JsonPart[] = [];
const { document, object, list, objectOfParts, listOfParts } = contexts;

class Outliner {
  readonly #bytes: Uint8Array;
  /** The same bytes, once a name is read. */
  #text: Buffer | undefined;
  readonly #levels: number;
  readonly #maxParts: number;
  #at = 0;
  #state: number = stateOf(document, 'value');
  /** The contexts of what is open and around the innermost. A byte each: there may be as many levels as bytes. */
  #around: Uint8Array<ArrayBuffer> = new Uint8Array(32);
  #depth = 0;
  /** Objects and lists so far. */
  #containers = 0;
  #parts = 0;
  /** From the outermost. */
  readonly #open: OpenPart[] = [];
  /** The member of the innermost open part that was looked into, and has just ended. */
  #ended: JsonPart | undefined;
  /** Levels of the one that was not, so far. */
  #memberDepth = 0;

  constructor(bytes: Uint8Array, levels: number, maxParts: number) {
    this.#bytes = bytes;
    this.#levels = levels;
    this.#maxParts = maxParts;
  }

  outline(): JsonOutline {
    let context: Context = document;
    for (;;) {
      this.#readOn();
      switch (this.#state) {
        case events.beginText:
          this.#state = stateOf(context, 'text');
          this.#skipText();
          break;
        case events.comma:
          if (!this.#endMember(context === objectOfParts)) return 'too many parts';
          this.#state = stateOf(context, context === objectOfParts ? 'key' : 'value');
          break;
        case events.openObject:
          context = this.#openIn(context, object, objectOfParts);
          this.#state = stateOf(context, 'keyOrEnd');
          break;
        case events.openList:
          context = this.#openIn(context, list, listOfParts);
          this.#state = stateOf(context, 'valueOrEnd');
          break;
        case events.close:
          if (context >= objectOfParts && !this.#endPart(context === objectOfParts)) return 'too many parts';
          this.#depth -= 1;
          context = this.#around[this.#depth] as Context;
          this.#state = stateOf(context, 'after');
          break;
        case events.invalid:
          return 'invalid';
        default:
          return mayEnd.has(this.#state) ? this.#partOf(0, this.#bytes.length, 0) : 'cut off';
      }
    }
  }

  #openIn(context: Context, plain: Context, ofParts: Context): Context {
    if (this.#depth === this.#around.length) this.#around = doubled(this.#around);
    this.#around[this.#depth] = context;
    this.#depth += 1;
    const memberDepth = this.#depth - this.#levels;
    if (memberDepth <= 0) this.#beginPart();
    else if (memberDepth > this.#memberDepth) this.#memberDepth = memberDepth;
    this.#containers += 1;
    return memberDepth <= 0 ? ofParts : plain;
  }

  #beginPart(): void {
    this.#open.push({
      start: this.#at - 1,
      containersBefore: this.#containers,
      parts: [],
      depth: 1,
      memberStart: this.#at,
      containersBeforeMember: this.#containers + 1,
    });
  }

  /** @returns whether there may be as many parts */
  #endPart(isObject: boolean): boolean {
    const part = this.#innermost();
    const isEmpty = part.parts.length === 0 && this.#skipSpace(part.memberStart) === this.#at - 1;
    if (!isEmpty && !this.#endMember(isObject)) return false;
    const { start, containersBefore, parts, depth } = part;
    this.#open.pop();
    this.#ended = {
      name: undefined,
      start,
      end: this.#at,
      depth,
      containers: this.#containers - containersBefore,
      parts,
    };
    return true;
  }

  /** Before the byte that was just read, which is a comma or the end of the part. @returns whether there may be as many parts */
  #endMember(isObject: boolean): boolean {
    this.#parts += 1;
    if (this.#parts > this.#maxParts) return false;
    const around = this.#innermost();
    const nameStart = this.#skipSpace(around.memberStart);
    const nameEnd = isObject ? this.#endOfName(nameStart) : nameStart;
    const valueStart = isObject ? this.#bytes.indexOf(COLON, nameEnd) + 1 : nameStart;
    const name = isObject ? this.#nameIn(nameStart, nameEnd) : undefined;
    const part = this.#partOf(valueStart, this.#at - 1, around.containersBeforeMember, name);
    around.parts.push(part);
    if (part.depth >= around.depth) around.depth = part.depth + 1;
    around.memberStart = this.#at;
    around.containersBeforeMember = this.#containers;
    return true;
  }

  /** What has just ended: what was looked into, or what stands between two bytes and the space around it. */
  #partOf(from: number, to: number, containersBefore: number, name?: string): JsonPart {
    const ended = this.#ended;
    const depth = this.#memberDepth;
    this.#ended = undefined;
    this.#memberDepth = 0;
    if (ended !== undefined) return name === undefined ? ended : { ...ended, name };
    let end = to;
    while (isSpace(this.#bytes[end - 1])) end -= 1;
    const containers = this.#containers - containersBefore;
    return { name, start: this.#skipSpace(from), end, depth, containers, parts: none };
  }

  #innermost(): OpenPart {
    const part = this.#open.at(-1);
    if (part === undefined) throw new Error('No part is open at a level that is looked into.');
    return part;
  }

  #nameIn(start: number, end: number): string {
    this.#text ??= Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
    const name = this.#text.toString('utf8', start + 1, end - 1);
    return name.includes('\\') ? (JSON.parse(`"${name}"`) as string) : name;
  }

  /** Behind the closing quote. */
  #endOfName(start: number): number {
    let at = start + 1;
    while (this.#bytes[at] !== QUOTE) at += this.#bytes[at] === BACKSLASH ? 2 : 1;
    return at + 1;
  }

  #skipSpace(from: number): number {
    let at = from;
    while (isSpace(this.#bytes[at])) at += 1;
    return at;
  }

  /** Up to the next event, and behind its byte; or to the end. A loop of its own: so V8 keeps its three numbers in registers. */
  #readOn(): void {
    const bytes = this.#bytes;
    const { length } = bytes;
    let state = this.#state;
    let at = this.#at;
    while (at < length) {
      // Within the bounds of both: `state` is less than FIRST_EVENT here.
      state = transitions[state * 256 + (bytes[at] as number)] as number;
      at += 1;
      if (state >= FIRST_EVENT) break;
    }
    this.#state = state;
    this.#at = at;
  }

  /** Eight bytes at a time as long as none of them can end a text: most of all bytes are in long ones. */
  #skipText(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    for (const end = bytes.length - 7; at < end; at += 8) {
      if ((plain(bytes, at) & plain(bytes, at + 1) & plain(bytes, at + 2) & plain(bytes, at + 3)) === 0) break;
      if ((plain(bytes, at + 4) & plain(bytes, at + 5) & plain(bytes, at + 6) & plain(bytes, at + 7)) === 0) break;
    }
    this.#at = at;
  }
}

function doubled(array: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(2 * array.length);
  larger.set(array);
  return larger;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

const text = stateOf(document, 'text');
/** 1 for bytes behind which a text goes on as before. */
const isPlain = transitions.subarray(text * 256, text * 256 + 256).map((next) => Number(next === text));

function plain(bytes: Uint8Array, at: number): number {
  return isPlain[bytes[at] as number] as number;
}
