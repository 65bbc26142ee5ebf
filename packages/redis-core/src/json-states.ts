/**
 * A reader of JSON (RFC 8259) that looks at each byte once. It is in a state, and `transitions` says which one the next byte
 * leads to; where that needs to know what is open around it, it is an event.
 *
 * What may follow a value depends on what it is in, so each context has states of its own. In one whose members are told apart a
 * comma is an event too.
 */
export const contexts = { document: 0, object: 1, list: 2, objectOfParts: 3, listOfParts: 4 } as const;
export type Context = (typeof contexts)[keyof typeof contexts];

/** Of one context; those of keys are of objects only. */
const states = {
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
  key: 27,
  /** Behind `{`. */
  keyOrEnd: 28,
  /** Behind a key. */
  colon: 29,
  keyText: 30,
} as const;
const STATES_A_CONTEXT = 36;

/** So many states follow each kind of text: behind a backslash, and before each of four hexadecimal digits. */
const ESCAPES = 5;

/** What changes what is open, or ends the reading; a text is one where many of its bytes can be looked at together. */
export const events = { beginText: 192, openObject: 193, openList: 194, close: 195, comma: 196, invalid: 255 };
/** Larger than any state. */
export const FIRST_EVENT = 192;

/** By 256 times the state, and the byte. */
export const transitions: Uint8Array = new Uint8Array(FIRST_EVENT * 256).fill(events.invalid);

/** The state of a value in a context. */
export function stateOf(context: Context, name: keyof typeof states): number {
  return context * STATES_A_CONTEXT + states[name];
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

for (const context of Object.values(contexts)) {
  const of = (name: keyof typeof states): number => stateOf(context, name);
  const begins = [of('value'), of('valueOrEnd')];
  const ends = [of('after'), ...endsOfNumbers.map((name) => of(name))];
  const hasParts = context === contexts.objectOfParts || context === contexts.listOfParts;

  for (const state of begins) lead([state], SPACE, state);
  lead(begins, '"', events.beginText);
  lead(begins, '{', events.openObject);
  lead(begins, '[', events.openList);
  lead([of('valueOrEnd')], ']', events.close);
  leadText(of('text'), of('after'));

  lead(ends, SPACE, of('after'));
  if (context === contexts.object || context === contexts.objectOfParts) {
    const keys = [of('key'), of('keyOrEnd')];
    for (const state of [...keys, of('colon')]) lead([state], SPACE, state);
    lead(keys, '"', of('keyText'));
    lead([of('keyOrEnd')], '}', events.close);
    leadText(of('keyText'), of('colon'));
    lead([of('colon')], ':', of('value'));
    lead(ends, ',', hasParts ? events.comma : of('key'));
    lead(ends, '}', events.close);
  }
  if (context === contexts.list || context === contexts.listOfParts) {
    lead(ends, ',', hasParts ? events.comma : of('value'));
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
