/**
 * A reader of JSON (RFC 8259) that looks at each byte once. It is in a state, and `transitions` says which one the next byte
 * leads to; where that needs to know what is open around it, it is an event.
 *
 * What may follow a value depends on what it is in. So the states of values are there three times, once for each context; those
 * of keys are in objects only.
 */
export const contexts = { document: 0, object: 1, list: 2 } as const;
export type Context = (typeof contexts)[keyof typeof contexts];

/** Of one context. */
const values = {
  value: 0,
  /** Behind `[`. */
  valueOrEnd: 1,
  /** Behind a value. */
  after: 2,
  // The states of its escapes come behind it: see `ESCAPES`.
  text: 3,
  minus: 9,
  zero: 10,
  integer: 11,
  point: 12,
  fraction: 13,
  exponentSign: 14,
  exponentStart: 15,
  exponent: 16,
  /** The first of those within `true`, `false` and `null`. */
  word: 17,
} as const;
const STATES_A_CONTEXT = 32;

const FIRST_OF_KEYS = 3 * STATES_A_CONTEXT;
const key: number = FIRST_OF_KEYS;
/** Behind `{`. */
export const keyOrEnd: number = FIRST_OF_KEYS + 1;
/** Behind a key. */
const colon = FIRST_OF_KEYS + 2;
const keyText = FIRST_OF_KEYS + 3;

/** So many states follow each kind of text: behind a backslash, and before each of four hexadecimal digits. */
const ESCAPES = 5;

/** What changes what is open, or ends the reading; a text is one where many of its bytes can be looked at together. */
export const events = { beginText: 128, openObject: 129, openList: 130, close: 131, invalid: 255 };
/** Larger than any state. */
export const FIRST_EVENT = 128;

/** By 256 times the state, and the byte. */
export const transitions: Uint8Array = new Uint8Array(FIRST_EVENT * 256).fill(events.invalid);

/** The state of a value in a context. */
export function stateOf(context: Context, name: keyof typeof values): number {
  return context * STATES_A_CONTEXT + values[name];
}

const SPACE = ' \n\r\t';
const DIGITS = '0123456789';
const endsOfNumbers = ['zero', 'integer', 'fraction', 'exponent'] as const;

/** States in which a document may end: a number ends with what follows it. */
export const mayEnd: ReadonlySet<number> = new Set(
  (['after', ...endsOfNumbers] as const).map((name) => stateOf(contexts.document, name)),
);

function lead(from: readonly number[], characters: string, to: number): void {
  for (const state of from) {
    for (const character of characters) transitions[state * 256 + character.charCodeAt(0)] = to;
  }
}

function leadText(inside: number, behind: number): void {
  transitions.fill(inside, inside * 256 + 0x20, inside * 256 + 256);
  lead([inside], '"', behind);
  lead([inside], '\\', inside + 1);
  lead([inside + 1], '"\\/bfnrt', inside);
  lead([inside + 1], 'u', inside + 2);
  for (let digit = 2; digit <= ESCAPES; digit += 1) {
    lead([inside + digit], `${DIGITS}abcdefABCDEF`, digit === ESCAPES ? inside : inside + digit + 1);
  }
}

for (const state of [key, keyOrEnd, colon]) lead([state], SPACE, state);
lead([key, keyOrEnd], '"', keyText);
lead([keyOrEnd], '}', events.close);
lead([colon], ':', stateOf(contexts.object, 'value'));
leadText(keyText, colon);

for (const context of Object.values(contexts)) {
  const of = (name: keyof typeof values): number => stateOf(context, name);
  const begins = [of('value'), of('valueOrEnd')];
  const ends = [of('after'), ...endsOfNumbers.map((name) => of(name))];

  for (const state of begins) lead([state], SPACE, state);
  lead(begins, '"', events.beginText);
  lead(begins, '{', events.openObject);
  lead(begins, '[', events.openList);
  lead([of('valueOrEnd')], ']', events.close);
  leadText(of('text'), of('after'));

  lead(ends, SPACE, of('after'));
  if (context === contexts.object) {
    lead(ends, ',', key);
    lead(ends, '}', events.close);
  }
  if (context === contexts.list) {
    lead(ends, ',', of('value'));
    lead(ends, ']', events.close);
  }

  lead(begins, '-', of('minus'));
  lead([...begins, of('minus')], '0', of('zero'));
  lead([...begins, of('minus')], '123456789', of('integer'));
  lead([of('integer')], DIGITS, of('integer'));
  lead([of('zero'), of('integer')], '.', of('point'));
  lead([of('point'), of('fraction')], DIGITS, of('fraction'));
  lead([of('zero'), of('integer'), of('fraction')], 'eE', of('exponentSign'));
  lead([of('exponentSign')], '+-', of('exponentStart'));
  lead([of('exponentSign'), of('exponentStart'), of('exponent')], DIGITS, of('exponent'));

  let next = of('word');
  for (const word of ['true', 'false', 'null']) {
    let from: readonly number[] = begins;
    for (const letter of word.slice(0, -1)) {
      lead(from, letter, next);
      from = [next];
      next += 1;
    }
    lead(from, word.slice(-1), of('after'));
  }
}
