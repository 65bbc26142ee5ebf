import { isUtf8 } from 'node:buffer';
import { events, FIRST_EVENT, mayEnd, states, transitions } from './json-states.ts';
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
  #state: number = states.value;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  check(): JsonCheck {
    /** Which of the open levels are objects. */
    const objects = new Uint8Array(maxNesting + 1);
    let depth = 0;
    for (;;) {
      this.#readOn();
      switch (this.#state) {
        case events.beginText:
          this.#state = states.text;
          this.#skipText();
          break;
        case events.comma:
          if (depth === 0) return 'invalid';
          this.#state = objects[depth] === 1 ? states.key : states.value;
          break;
        case events.openObject:
        case events.openList: {
          if (depth === maxNesting) return 'too deep';
          const isObject = this.#state === events.openObject;
          depth += 1;
          objects[depth] = isObject ? 1 : 0;
          this.#state = isObject ? states.keyOrEnd : states.valueOrEnd;
          break;
        }
        case events.closeObject:
        case events.closeList:
          if (depth === 0 || objects[depth] !== (this.#state === events.closeObject ? 1 : 0)) return 'invalid';
          depth -= 1;
          this.#state = states.after;
          break;
        case events.invalid:
          return 'invalid';
        default:
          return depth === 0 && mayEnd.has(this.#state) ? 'valid' : 'invalid';
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

/** 1 for bytes behind which a text goes on as before. */
const isPlain = transitions
  .subarray(states.text * 256, states.text * 256 + 256)
  .map((next) => Number(next === states.text));

function plain(bytes: Uint8Array, at: number): number {
  return isPlain[bytes[at] as number] as number;
}
