import { CorruptValueError, NotSerializableError } from './errors.ts';
import { compress, decompress } from './serializer-compression.ts';
import { checkOptions, type OptionRules, wholeNumber } from './option-rules.ts';
import { decodeSpecial, encodeSpecial, TAG } from './serializer-types.ts';

export interface SerializeOptions {
  /** Larger texts are refused, measured before compression. Default: no limit. */
  readonly maxBytes?: number;
  /** Texts of more bytes than this are compressed with zstd, where that makes them smaller. Default: never. */
  readonly compressAboveBytes?: number;
}

export interface DeserializeOptions {
  /** What a compressed value may unfold to: a few bytes can claim to be gigabytes. Default 64 MiB. */
  readonly maxBytes?: number;
}

const unlimited: SerializeOptions = {};
const serializing: OptionRules<SerializeOptions> = { maxBytes: wholeNumber(0), compressAboveBytes: wholeNumber(0) };
const deserializing: OptionRules<DeserializeOptions> = { maxBytes: wholeNumber(0) };

/**
 * Serialises a value to text. Plain JSON values are stored as plain JSON, so that they read well in redis-cli; a value
 * that holds a Date, Map, Set, BigInt, URL, RegExp, Error, typed array, `undefined`, NaN, an infinity or -0 anywhere is
 * stored as `!1` and JSON in which those stand as `{"$hf": "<type>", "v": …}`. What is compressed is `!z` and a zstd
 * frame of either.
 * @throws NotSerializableError for a function, a symbol, an instance of an unknown class, a cycle or more than 500
 *   levels; `issues[0].path` is the JSON pointer of the offender. Also for more than `maxBytes`.
 */
export function serialize(value: unknown, options?: SerializeOptions & { compressAboveBytes?: undefined }): string;
export function serialize(value: unknown, options: SerializeOptions): string | Buffer;
export function serialize(value: unknown, options: SerializeOptions = unlimited): string | Buffer {
  if (options !== unlimited) checkOptions('serialize', options, serializing);
  const text = toText(value);
  const { maxBytes = Infinity, compressAboveBytes = Infinity } = options;
  const smallest = Math.min(maxBytes, compressAboveBytes);
  // A UTF-16 unit takes at most three bytes: most texts need no counting.
  if (text.length * 3 <= smallest) return text;
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) throw tooLarge(bytes, maxBytes);
  return bytes > compressAboveBytes ? compress(text) : text;
}

/** What `serialize` made, compressed with zstd where it has more bytes than that and gets smaller. `deserialize` takes both. */
export function compressText(text: string, aboveBytes: number): string | Buffer {
  return text.length * 3 > aboveBytes && Buffer.byteLength(text) > aboveBytes ? compress(text) : text;
}

/**
 * The value that `serialize` was given. Never touches a prototype: a `__proto__` in the data is a property like others.
 * @throws CorruptValueError when the bytes are not what `serialize` makes, or unfold to more than `maxBytes`
 */
export function deserialize(bytes: Uint8Array | string, options?: DeserializeOptions): unknown {
  if (options !== undefined) checkOptions('deserialize', options, deserializing);
  try {
    const text = typeof bytes === 'string' ? bytes : decompress(bytes, options?.maxBytes ?? 64 * 1024 * 1024);
    return text.startsWith(PREFIX) ? decode(JSON.parse(text.slice(PREFIX.length))) : JSON.parse(text);
  } catch (error) {
    throw new CorruptValueError('A stored value is not what the serializer writes.', { cause: error });
  }
}

function toText(value: unknown): string {
  // Most values are plain, and for those a look is all it takes; the encoder finds out what it is otherwise.
  if (isPlainJson(value, 0)) return JSON.stringify(value);
  const encoder = new Encoder();
  const json = JSON.stringify(encoder.encode(value, undefined, 0));
  return encoder.special ? PREFIX + json : json;
}

/** No JSON text begins with `!`; the digit is the version of the format. */
const PREFIX = '!1';
const MAX_DEPTH = 500;

/** Where the encoder is: a step and what it was taken from. Read only when something is refused. */
type Path = { readonly step: string | number; readonly parent: Path } | undefined;

/** Replies the value itself where nothing in it needs a tag, so that a plain value is only walked. */
class Encoder {
  special = false;
  readonly #ancestors = new Set<object>();

  encode(value: unknown, path: Path, depth: number): unknown {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value;
      case 'number':
        if (Number.isFinite(value) && !Object.is(value, -0)) return value;
        return this.#tagged('number', Object.is(value, -0) ? '-0' : String(value));
      case 'undefined':
        return this.#tagged('undefined', 0);
      case 'bigint':
        return this.#tagged('bigint', value.toString());
      case 'function':
      case 'symbol':
        throw refused(path, `a ${typeof value}`);
      case 'object':
        return value === null ? null : this.#object(value, path, depth);
    }
  }

  #tagged(type: string, content: unknown): unknown {
    this.special = true;
    return { [TAG]: type, v: content };
  }

  #object(value: object, path: Path, depth: number): unknown {
    if (this.#ancestors.has(value)) throw refused(path, 'a reference to one of its ancestors');
    if (depth >= MAX_DEPTH) throw refused(path, `nested more than ${MAX_DEPTH} levels`);
    this.#ancestors.add(value);
    try {
      if (Array.isArray(value)) return this.#array(value, path, depth);
      const prototype: unknown = Object.getPrototypeOf(value);
      if (prototype === Object.prototype || prototype === null) return this.#record(value, path, depth);
      const special = encodeSpecial(value, (inner, step) => this.encode(inner, below(path, ...step), depth + 1));
      if (special === undefined) throw refused(path, `an instance of ${classNameOf(prototype)}`);
      return this.#tagged(special.type, special.content);
    } finally {
      this.#ancestors.delete(value);
    }
  }

  #array(value: readonly unknown[], path: Path, depth: number): readonly unknown[] {
    let changed: unknown[] | undefined;
    for (let index = 0; index < value.length; index += 1) {
      const item = value[index];
      const encoded = isPlain(item) ? item : this.encode(item, { step: index, parent: path }, depth + 1);
      if (encoded !== item || item === undefined) (changed ??= [...value])[index] = encoded;
    }
    return changed ?? value;
  }

  #record(value: object, path: Path, depth: number): object {
    if (Object.getOwnPropertySymbols(value).length > 0) throw refused(path, 'an object with symbol keys');
    let changed: [string, unknown][] | undefined;
    const entries = Object.entries(value);
    for (const [position, [key, item]] of entries.entries()) {
      const encoded = isPlain(item) ? item : this.encode(item, { step: key, parent: path }, depth + 1);
      if (encoded !== item) (changed ??= [...entries])[position] = [key, encoded];
    }
    // A user's object that has our tag as a key would read as a tagged value: it is wrapped.
    if (Object.hasOwn(value, TAG)) return this.#tagged('object', changed ?? entries) as object;
    return changed === undefined && typeof (value as { toJSON?: unknown }).toJSON !== 'function'
      ? value
      : Object.fromEntries(changed ?? entries);
  }
}

/**
 * Whether JSON says all there is to say about a value. A cycle is not found here, but it has too many levels. The most
 * travelled path of the serializer: `for in` is twice as fast as `Object.keys` (what a polluted `Object.prototype` would
 * add to it must be plain as well, no more).
 */
function isPlainJson(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return isPlain(value);
  if (depth >= MAX_DEPTH) return false;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) if (!isPlainJson(value[index], depth + 1)) return false;
    return true;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const key in value) {
    const item = (value as Record<string, unknown>)[key];
    if (typeof item === 'string' ? key === TAG : key === TAG || !isPlainJson(item, depth + 1)) return false;
  }
  return Object.getOwnPropertySymbols(value).length === 0;
}

/** What needs no look inside. */
function isPlain(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0);
  return typeof value === 'string' || typeof value === 'boolean' || value === null;
}

function decode(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) value[index] = decode(item);
    return value;
  }
  const record = value as Record<string, unknown>;
  if (Object.hasOwn(record, TAG)) return decodeSpecial(String(record[TAG]), record['v'], decode);
  for (const key of Object.keys(record)) {
    const item = record[key];
    const decoded = decode(item);
    // Not an assignment: for the key `__proto__` that would set the prototype.
    if (decoded !== item) {
      Object.defineProperty(record, key, { value: decoded, writable: true, enumerable: true, configurable: true });
    }
  }
  return record;
}

function below(path: Path, ...steps: readonly (string | number)[]): Path {
  return steps.reduce<Path>((parent, step) => ({ step, parent }), path);
}

function refused(path: Path, what: string): NotSerializableError {
  const steps: (string | number)[] = [];
  for (let at = path; at !== undefined; at = at.parent) steps.unshift(at.step);
  const pointer = steps.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  const where = pointer === '' ? 'The value' : `The value at ${pointer}`;
  return new NotSerializableError(`${where} cannot be stored: it is ${what}.`, {
    issues: [{ path: pointer, message: `is ${what}` }],
  });
}

function tooLarge(bytes: number, maxBytes: number): NotSerializableError {
  const what = `${bytes} bytes, and at most ${maxBytes} are allowed`;
  return new NotSerializableError(`The value cannot be stored: it has ${what}.`, {
    issues: [{ path: '', message: `has ${what}` }],
  });
}

function classNameOf(prototype: unknown): string {
  const { constructor } = prototype as { constructor?: unknown };
  return typeof constructor === 'function' && constructor.name !== '' ? constructor.name : 'an unnamed class';
}
