import { isUtf8 } from 'node:buffer';
import { type Context, contexts, events, FIRST_EVENT, keyOrEnd, mayEnd, stateOf, transitions } from './json-states.ts';
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
  return isUtf8(bytes) ? new Reader(bytes).check() : 'invalid';
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #state: number = stateOf(contexts.document, 'value');

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  check(): JsonCheck {
    const open: Context[] = [];
    let context: Context = contexts.document;
    for (;;) {
      this.#readOn();
      switch (this.#state) {
        case events.beginText:
          this.#state = stateOf(context, 'text');
          this.#skipText();
          break;
        case events.openObject:
          if (open.length === maxNesting) return 'too deep';
          open.push(context);
          context = contexts.object;
          this.#state = keyOrEnd;
          break;
        case events.openList:
          if (open.length === maxNesting) return 'too deep';
          open.push(context);
          context = contexts.list;
          this.#state = stateOf(context, 'valueOrEnd');
          break;
        case events.close:
          context = open.pop() ?? contexts.document;
          this.#state = stateOf(context, 'after');
          break;
        case events.invalid:
          return 'invalid';
        default:
          return mayEnd.has(this.#state) ? 'valid' : 'invalid';
      }
    }
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

const text = stateOf(contexts.document, 'text');
/** 1 for bytes behind which a text goes on as before. */
const isPlain = transitions.subarray(text * 256, text * 256 + 256).map((next) => Number(next === text));

function plain(bytes: Uint8Array, at: number): number {
  return isPlain[bytes[at] as number] as number;
}
