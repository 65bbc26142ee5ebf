/** The key that marks a tagged value: `{"$hf": "<type>", "v": <content>}`. */
export const TAG = '$hf';

type Encode = (inner: unknown, step: readonly (string | number)[]) => unknown;
type Decode = (content: unknown) => unknown;

/** Errors come back as the built-in class of their name; any other as an `Error` that carries the name. */
const errorClasses = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError } as const;

const typedArrays = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const;

/**
 * An instance of a class that the serializer knows, as a type and plain content; `undefined` for any other. A subclass
 * is another class, and would come back as something else; only errors may be subclassed, as they are everywhere.
 */
export function encodeSpecial(value: object, encode: Encode): { type: string; content: unknown } | undefined {
  if (value instanceof Error) return { type: 'Error', content: encodeError(value, encode) };
  if (isExactly(value, Date)) {
    return { type: 'Date', content: Number.isNaN(value.getTime()) ? null : value.toISOString() };
  }
  if (isExactly(value, Map<unknown, unknown>)) {
    const content = [...value].map(([key, item], index) => [encode(key, [index, 0]), encode(item, [index, 1])]);
    return { type: 'Map', content };
  }
  if (isExactly(value, Set<unknown>)) {
    return { type: 'Set', content: [...value].map((item, index) => encode(item, [index])) };
  }
  if (isExactly(value, URL)) return { type: 'URL', content: value.href };
  if (isExactly(value, RegExp)) return { type: 'RegExp', content: [value.source, value.flags, value.lastIndex] };
  if (isExactly(value, ArrayBuffer)) return { type: 'ArrayBuffer', content: Buffer.from(value).toString('base64') };
  return ArrayBuffer.isView(value) ? encodeView(value) : undefined;
}

function isExactly<Instance extends object>(
  value: object,
  type: abstract new (...args: never[]) => Instance,
): value is Instance {
  return Object.getPrototypeOf(value) === type.prototype;
}

/** @throws when `type` is unknown or the content is not what `encodeSpecial` makes */
export function decodeSpecial(type: string, content: unknown, decode: Decode): unknown {
  switch (type) {
    case 'undefined':
      return undefined;
    case 'number':
      return Number(text(content));
    case 'bigint':
      return BigInt(text(content));
    case 'object':
      return Object.fromEntries(list(content).map((entry) => pair(entry, (key) => text(key), decode)));
    case 'Date':
      return new Date(content === null ? Number.NaN : text(content));
    case 'Map':
      return new Map(list(content).map((entry) => pair(entry, decode, decode)));
    case 'Set':
      return new Set(list(content).map(decode));
    case 'URL':
      return new URL(text(content));
    case 'RegExp':
      return decodeRegExp(list(content));
    case 'Error':
      return decodeError(list(content), decode);
    case 'ArrayBuffer':
      return bytesOf(content).buffer;
    case 'Buffer':
      return Buffer.from(text(content), 'base64');
    case 'DataView':
      return new DataView(bytesOf(content).buffer);
    default:
      if (Object.hasOwn(typedArrays, type)) {
        return new typedArrays[type as keyof typeof typedArrays](bytesOf(content).buffer);
      }
      throw new TypeError(`unknown type ${type}`);
  }
}

/** The bytes as they lie in memory (little-endian on every platform that Node runs on). */
function encodeView(view: ArrayBufferView): { type: string; content: string } | undefined {
  const content = Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('base64');
  if (Buffer.isBuffer(view)) return { type: 'Buffer', content };
  if (isExactly(view, DataView)) return { type: 'DataView', content };
  const [type] = Object.entries(typedArrays).find(([, known]) => Object.getPrototypeOf(view) === known.prototype) ?? [];
  return type === undefined ? undefined : { type, content };
}

function encodeError(error: Error, encode: Encode): unknown[] {
  const own = Object.entries(error).filter(([key]) => !['name', 'message', 'stack', 'cause'].includes(key));
  return [
    error.name,
    error.message,
    error.stack ?? null,
    own.map(([key, item]) => [key, encode(item, [key])]),
    ...(Object.hasOwn(error, 'cause') ? [encode(error.cause, ['cause'])] : []),
  ];
}

function decodeError(content: readonly unknown[], decode: Decode): Error {
  const [name, message, stack, own, ...cause] = content;
  const known = text(name);
  const type = Object.hasOwn(errorClasses, known) ? errorClasses[known as keyof typeof errorClasses] : Error;
  const error = new type(text(message));
  const define = (key: string, value: unknown, enumerable: boolean): void => {
    Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true });
  };
  if (error.name !== known) define('name', known, false);
  if (stack === null) Reflect.deleteProperty(error, 'stack');
  else define('stack', text(stack), false);
  for (const entry of list(own)) {
    const [key, value] = pair(entry, (item) => text(item), decode);
    define(key, value, true);
  }
  if (cause.length > 0) define('cause', decode(cause[0]), false);
  return error;
}

function decodeRegExp(content: readonly unknown[]): RegExp {
  const [source, flags, lastIndex] = content;
  const expression = new RegExp(text(source), text(flags));
  expression.lastIndex = Number(lastIndex);
  return expression;
}

/** A buffer of its own: a slice of Node's pool would show other data through `.buffer`. */
function bytesOf(content: unknown): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(text(content), 'base64'));
}

function text(content: unknown): string {
  if (typeof content !== 'string') throw new TypeError('expected text');
  return content;
}

function list(content: unknown): readonly unknown[] {
  if (!Array.isArray(content)) throw new TypeError('expected a list');
  return content as readonly unknown[];
}

function pair<Key, Value>(
  entry: unknown,
  key: (content: unknown) => Key,
  value: (content: unknown) => Value,
): [Key, Value] {
  const [first, second] = list(entry);
  return [key(first), value(second)];
}
