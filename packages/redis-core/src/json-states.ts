/**
 * A reader of JSON (RFC 8259) that looks at each byte once. It is in one of these states, and `transitions` says which one the
 * next byte leads to; where that needs to know more than the state, it is an event.
 */
export const states = {
  value: 0,
  /** Behind `[`. */
  valueOrEnd: 1,
  key: 2,
  /** Behind `{`. */
  keyOrEnd: 3,
  /** Behind a key. */
  colon: 4,
  /** Behind a value. */
  after: 5,
  // The states of its escapes come behind each of these two: see `ESCAPES`.
  text: 6,
  keyText: 12,
  minus: 18,
  zero: 19,
  integer: 20,
  point: 21,
  fraction: 22,
  exponentSign: 23,
  exponentStart: 24,
  exponent: 25,
} as const;
/** So many states follow each of the two kinds of text: behind a backslash, and before each of four hexadecimal digits. */
const ESCAPES = 5;
const FIRST_OF_WORDS = 26;

/** What needs to know where the reader is, or ends the reading; `invalid` is what no state is ready for. */
export const events = {
  beginText: 128,
  openObject: 129,
  openList: 130,
  closeObject: 131,
  closeList: 132,
  comma: 133,
  invalid: 255,
};
/** Larger than any state. */
export const FIRST_EVENT = 128;

/** By 256 times the state, and the byte. */
export const transitions: Uint8Array = new Uint8Array(FIRST_EVENT * 256).fill(events.invalid);

/** States in which a document may end, where nothing is open: a number ends with what follows it. */
export const mayEnd: ReadonlySet<number> = new Set([
  states.after,
  states.zero,
  states.integer,
  states.fraction,
  states.exponent,
]);

function lead(from: readonly number[], characters: string, to: number): void {
  for (const state of from) {
    for (const character of characters) transitions[state * 256 + character.charCodeAt(0)] = to;
  }
}

const { value, valueOrEnd, key, keyOrEnd, colon, after, text, keyText } = states;
const { minus, zero, integer, point, fraction, exponentSign, exponentStart, exponent } = states;
const SPACE = ' \n\r\t';
const DIGITS = '0123456789';

for (const state of [value, valueOrEnd, key, keyOrEnd, colon, after]) lead([state], SPACE, state);
lead([value, valueOrEnd], '"', events.beginText);
lead([value, valueOrEnd], '{', events.openObject);
lead([value, valueOrEnd], '[', events.openList);
lead([valueOrEnd], ']', events.closeList);
lead([key, keyOrEnd], '"', keyText);
lead([keyOrEnd], '}', events.closeObject);
lead([colon], ':', value);

for (const state of mayEnd) {
  lead([state], SPACE, after);
  lead([state], ',', events.comma);
  lead([state], '}', events.closeObject);
  lead([state], ']', events.closeList);
}

for (const [inside, behind] of [
  [text, after],
  [keyText, colon],
] as const) {
  transitions.fill(inside, inside * 256 + 0x20, inside * 256 + 256);
  lead([inside], '"', behind);
  lead([inside], '\\', inside + 1);
  lead([inside + 1], '"\\/bfnrt', inside);
  lead([inside + 1], 'u', inside + 2);
  for (let digit = 2; digit <= ESCAPES; digit += 1) {
    lead([inside + digit], `${DIGITS}abcdefABCDEF`, digit === ESCAPES ? inside : inside + digit + 1);
  }
}

lead([value, valueOrEnd], '-', minus);
lead([value, valueOrEnd, minus], '0', zero);
lead([value, valueOrEnd, minus], '123456789', integer);
lead([integer], DIGITS, integer);
lead([zero, integer], '.', point);
lead([point, fraction], DIGITS, fraction);
lead([zero, integer, fraction], 'eE', exponentSign);
lead([exponentSign], '+-', exponentStart);
lead([exponentSign, exponentStart, exponent], DIGITS, exponent);

let next = FIRST_OF_WORDS;
for (const word of ['true', 'false', 'null']) {
  let from: readonly number[] = [value, valueOrEnd];
  for (const letter of word.slice(0, -1)) {
    lead(from, letter, next);
    from = [next];
    next += 1;
  }
  lead(from, word.slice(-1), after);
}
