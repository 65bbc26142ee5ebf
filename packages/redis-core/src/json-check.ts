import { isUtf8 } from 'node:buffer';
import { maxNesting } from './nesting.ts';

/** What bytes are that are said to be JSON. */
export type JsonCheck =
  | 'valid'
  /** `JSON.parse` would refuse their text, or they are not UTF-8. */
  | 'invalid'
  /** Nested deeper than `maxNesting`. */
  | 'too deep';

/**
 * Whether bytes are JSON (RFC 8259, as `JSON.parse` has it) that others can parse, without making anything of them: neither
 * a text nor a value. A value takes several times the memory of its text, and most of the time of a large write.
 */
export function checkJson(bytes: Uint8Array): JsonCheck {
  if (!isUtf8(bytes)) return 'invalid';
  const { length } = bytes;
  /** Which of the open levels are objects. */
  const objects = new Uint8Array(maxNesting + 1);
  let depth = 0;
  let isKey = false;
  let at = afterSpace(bytes, 0);
  for (;;) {
    // A value, or the key of one.
    let byte = at < length ? (bytes[at] ?? 0) : 0;
    if (isKey && byte !== QUOTE) return 'invalid';
    if (byte === QUOTE) {
      at = afterText(bytes, at + 1);
      if (at === -1) return 'invalid';
      if (isKey) {
        at = afterSpace(bytes, at);
        if (bytes[at] !== COLON) return 'invalid';
        at = afterSpace(bytes, at + 1);
        isKey = false;
        continue;
      }
    } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      if (depth === maxNesting) return 'too deep';
      depth += 1;
      objects[depth] = byte === OPEN_OBJECT ? 1 : 0;
      at = afterSpace(bytes, at + 1);
      byte = bytes[at] ?? 0;
      if (byte !== (objects[depth] === 1 ? CLOSE_OBJECT : CLOSE_LIST)) {
        isKey = objects[depth] === 1;
        continue;
      }
      depth -= 1;
      at += 1;
    } else {
      at = byte === MINUS || isDigit(byte) ? afterNumber(bytes, at) : afterWord(bytes, at, byte);
      if (at === -1) return 'invalid';
    }
    // What follows a value: the end of its levels, or the next one.
    for (;;) {
      at = afterSpace(bytes, at);
      if (depth === 0) return at === length ? 'valid' : 'invalid';
      byte = at < length ? (bytes[at] ?? 0) : 0;
      at += 1;
      if (byte === COMMA) break;
      if (byte !== (objects[depth] === 1 ? CLOSE_OBJECT : CLOSE_LIST)) return 'invalid';
      depth -= 1;
    }
    isKey = objects[depth] === 1;
    at = afterSpace(bytes, at);
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const SMALL_E = 0x65;
const LARGE_E = 0x45;
const SMALL_U = 0x75;

/** Bytes at which a text ends, has an escape, or is not allowed to go on: control characters. */
const endsText = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(byte < 0x20 || byte === QUOTE || byte === BACKSLASH),
);
const escapes = Uint8Array.from({ length: 256 }, (_, byte) => Number('"\\/bfnrt'.includes(String.fromCodePoint(byte))));
const hexDigits = Uint8Array.from({ length: 256 }, (_, byte) => Number(/[0-9a-fA-F]/.test(String.fromCodePoint(byte))));
const words: Readonly<Record<number, Uint8Array>> = Object.fromEntries(
  ['true', 'false', 'null'].map((word) => [word.charCodeAt(0), Buffer.from(word)]),
);

function afterSpace(bytes: Uint8Array, start: number): number {
  let at = start;
  for (;;) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at += 1;
  }
}

/** `start` is behind its opening quote. -1: not valid. */
function afterText(bytes: Uint8Array, start: number): number {
  const { length } = bytes;
  let at = start;
  for (;;) {
    // Most of all bytes are looked at here: four at a time.
    for (const end = length - 3; at < end; at += 4) {
      const [a, b, c, d] = [bytes[at] ?? 0, bytes[at + 1] ?? 0, bytes[at + 2] ?? 0, bytes[at + 3] ?? 0];
      if (((endsText[a] ?? 0) | (endsText[b] ?? 0) | (endsText[c] ?? 0) | (endsText[d] ?? 0)) !== 0) break;
    }
    while (at < length && endsText[bytes[at] ?? 0] === 0) at += 1;
    const byte = bytes[at];
    if (byte === QUOTE) return at + 1;
    if (byte !== BACKSLASH) return -1;
    const escaped = bytes[at + 1] ?? 0;
    if (escaped === SMALL_U) {
      for (let digit = 2; digit < 6; digit += 1) if (hexDigits[bytes[at + digit] ?? 0] !== 1) return -1;
      at += 6;
    } else if (escapes[escaped] === 1) {
      at += 2;
    } else {
      return -1;
    }
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= 0x39;
}

function afterDigits(bytes: Uint8Array, start: number): number {
  let at = start;
  while (isDigit(bytes[at])) at += 1;
  return at === start ? -1 : at;
}

function afterNumber(bytes: Uint8Array, start: number): number {
  let at = bytes[start] === MINUS ? start + 1 : start;
  at = bytes[at] === ZERO ? at + 1 : afterDigits(bytes, at);
  if (at !== -1 && bytes[at] === POINT) at = afterDigits(bytes, at + 1);
  if (at !== -1 && (bytes[at] === SMALL_E || bytes[at] === LARGE_E)) {
    const sign = bytes[at + 1];
    at = afterDigits(bytes, sign === PLUS || sign === MINUS ? at + 2 : at + 1);
  }
  return at;
}

function afterWord(bytes: Uint8Array, start: number, first: number): number {
  const word = words[first];
  if (word === undefined) return -1;
  for (let index = 1; index < word.length; index += 1) if (bytes[start + index] !== word[index]) return -1;
  return start + word.length;
}
