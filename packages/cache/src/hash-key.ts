import { createHash } from 'node:crypto';
import { canonicalForm } from './canonical-form.ts';
import { checkHashKeyOptions } from './option-rules.ts';

/** 22 characters of base64url are 132 bits: two different queries do not meet by chance. */
const DIGEST_CHARACTERS = 22;

export interface HashKeyOptions {
  /** Comes before the digest, with a dot between, so that a listing is readable and can be narrowed: `search.x8Qa…`. */
  readonly prefix?: string;
}

/**
 * A short stable key for a query object, so that equal queries share an entry: SHA-256 over its canonical form, shortened
 * to 132 bits of base64url.
 *
 * Equal are: objects, maps and sets that differ in the order of their properties or members; objects of which one has a
 * property that is `undefined` and the other has none; `0` and `-0`; plain objects with and without a prototype.
 * Everything else that differs in type or value differs: `1`, `'1'`, `1n` and `true`; `null` and `undefined`; an array
 * and a set; a date and its text.
 *
 * @throws NotSerializableError naming the path of what has no canonical form: a function, a symbol, an instance of a
 *   class other than Date, Map, Set, URL, RegExp, ArrayBuffer and typed arrays, a cycle, an invalid date; and of what is
 *   too deep (200) or too large (100 000 parts) to be a query
 */
export function hashKey(value: unknown, options: HashKeyOptions = {}): string {
  checkHashKeyOptions(options);
  const digest = createHash('sha256').update(canonicalForm(value)).digest('base64url').slice(0, DIGEST_CHARACTERS);
  return options.prefix === undefined || options.prefix === '' ? digest : `${options.prefix}.${digest}`;
}
