import { InvalidKeyError } from './errors.ts';

/** The longest key or name that a user may supply, in bytes of UTF-8 before encoding. */
const MAX_KEY_BYTES = 512;

/** Of namespaces, that are kept. */
const MAX_ROOTS = 1000;

const prefixPattern = /^[A-Za-z0-9._-]{1,64}$/;
const namePattern = /^[A-Za-z0-9._-]{1,64}$/;
/** What separates, chooses a slot, acts as a glob or breaks a line; `%` itself, so that decoding is exact. */
const reserved = /[%:{}*?[\]\\\s\p{Cc}]/gu;
const anyReserved = new RegExp(reserved.source, 'u');

/**
 * The only place where keys are joined. Each method replies a complete key; a user-supplied part is percent-encoded, so
 * that it can neither leave its area, nor choose its cluster slot, nor act as a pattern.
 */
export interface Keys {
  readonly prefix: string;
  /** `<prefix>:cache:<namespace>:<key>`: one entry. */
  cache(namespace: string, key: string): string;
  /** What the keys of a namespace start with; `keyPrefix` narrows it to user keys that start with it. */
  cachePrefix(namespace: string, keyPrefix?: string): string;
  /** The user's key in a complete cache key of this namespace. */
  cacheKeyOf(namespace: string, complete: string): string;
  /**
   * Sorted set: what a namespace's tags were last invalidated at. With `bucket` a string: what is left of tags that were
   * invalidated too long ago for a place in the set. With a hash tag: scripts take several.
   */
  cacheTags(namespace: string, bucket?: number): string;
  /** What the keys of all namespaces start with. */
  cacheRoot(): string;
  /** The lease to load an entry anew, by the entry's complete key, whose slot it shares: that has no braces of its own. */
  cacheLease(complete: string): string;
  /** The namespace of a complete cache key; `undefined` when it is none. */
  cacheNamespaceOf(complete: string): string | undefined;
  /**
   * What is known of the use of a namespace's entries, each a sorted set of user keys: how often they were read, when
   * last, when they were last read or written (`recency`), and when they expire. With a hash tag: scripts take several.
   */
  access(namespace: string, set: 'hits' | 'last' | 'recency' | 'expiry'): string;
  /** `counts`: how many entries each namespace had at the last count. `claim`: who counts now. */
  sizes(part: 'counts' | 'claim'): string;
  /** When the index of a namespace was last compared with its entries. */
  indexRepair(namespace: string): string;
  /** Sorted set: the ids of a mirrored source. */
  sourceIndex(source: string): string;
  /** Hash: what the last syncs of a source did. */
  sourceState(source: string): string;
  /** `<prefix>:epoch`: names what this Redis holds; gone with everything else where it is emptied. */
  epoch(): string;
  /** `<prefix>:probe`: a key that never exists. Removing it shows whether these keys may be written. */
  probe(): string;
  /** Hash: the data folders of processes that have not ended with an empty one, by the id of each. */
  folders(): string;
  /** BullMQ's prefix for one queue; with a hash tag, so that all keys of a queue share a slot. */
  jobs(queue: string): string;
}

/** @throws InvalidKeyError when the prefix is not 1 to 64 of `A-Z a-z 0-9 . _ -`. */
export function createKeys(prefix: string): Keys {
  if (!prefixPattern.test(prefix)) {
    throw new InvalidKeyError(`The key prefix must be 1 to 64 characters of A-Z a-z 0-9 . _ -, not ${quote(prefix)}.`);
  }
  const roots = new Map<string, string>();
  // Each read and write of an entry asks for it: the names in use are checked once.
  const namespaceRoot = (namespace: string): string => {
    const known = roots.get(namespace);
    if (known !== undefined) return known;
    const root = `${prefix}:cache:${checkName(namespace, 'namespace')}:`;
    if (roots.size >= MAX_ROOTS) roots.clear();
    roots.set(namespace, root);
    return root;
  };
  return {
    prefix,
    cache: (namespace, key) => namespaceRoot(namespace) + encodeKeyPart(key, 'key'),
    cachePrefix: (namespace, keyPrefix = '') =>
      namespaceRoot(namespace) + (keyPrefix === '' ? '' : encodeKeyPart(keyPrefix, 'prefix')),
    cacheKeyOf: (namespace, complete) => decodeKeyPart(complete.slice(namespaceRoot(namespace).length)),
    cacheTags: (namespace, bucket) =>
      `${prefix}:tags:{${checkName(namespace, 'namespace')}}${bucket === undefined ? '' : `:${bucket}`}`,
    cacheRoot: () => `${prefix}:cache:`,
    cacheLease: (complete) => `${prefix}:lease:{${complete}}`,
    cacheNamespaceOf: (complete) => {
      const root = `${prefix}:cache:`;
      const end = complete.indexOf(':', root.length);
      return complete.startsWith(root) && end !== -1 ? complete.slice(root.length, end) : undefined;
    },
    access: (namespace, set) => `${prefix}:access:{${checkName(namespace, 'namespace')}}:${set}`,
    sizes: (part) => `${prefix}:size:${part}`,
    indexRepair: (namespace) => `${prefix}:repair:${checkName(namespace, 'namespace')}`,
    sourceIndex: (source) => `${prefix}:source:${checkName(source, 'source')}:index`,
    sourceState: (source) => `${prefix}:source:${checkName(source, 'source')}:state`,
    epoch: () => `${prefix}:epoch`,
    probe: () => `${prefix}:probe`,
    folders: () => `${prefix}:folders`,
    jobs: (queue) => `${prefix}:jobs:{${checkName(queue, 'queue')}}`,
  };
}

/** Whether a declared name (namespace, queue, source) may be used in keys. */
export function isName(name: string): boolean {
  return namePattern.test(name) && name !== '.' && name !== '..';
}

/**
 * Percent-encodes the reserved characters of a user-supplied part. Everything else stays readable.
 * @throws InvalidKeyError when it is empty, longer than 512 bytes, `.` or `..`, or not well-formed Unicode.
 */
export function encodeKeyPart(part: string, what = 'key'): string {
  checkKeyPart(part, what);
  return anyReserved.test(part) ? part.replace(reserved, encodeURIComponentFully) : part;
}

/** The exact inverse of `encodeKeyPart`. A text that it could not have made comes back as it is. */
export function decodeKeyPart(encoded: string): string {
  if (!encoded.includes('%')) return encoded;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

function checkKeyPart(part: string, what: string): void {
  const problem = keyProblem(part);
  if (problem !== undefined) {
    throw new InvalidKeyError(`The ${what} ${problem}.`, { issues: [{ path: what, message: problem }] });
  }
}

function keyProblem(part: string): string | undefined {
  if (part === '') return 'must not be empty';
  if (part === '.' || part === '..') return 'must not be "." or ".."';
  // A string of n UTF-16 units has at least n bytes and at most 3n: most keys need no count.
  if (part.length > MAX_KEY_BYTES || (part.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(part) > MAX_KEY_BYTES)) {
    return `must have at most ${MAX_KEY_BYTES} bytes, not ${Buffer.byteLength(part)}`;
  }
  if (!part.isWellFormed()) return 'must be well-formed Unicode';
  return undefined;
}

function checkName(name: string, what: string): string {
  if (!isName(name)) {
    const message = 'must be 1 to 64 characters of A-Z a-z 0-9 . _ -';
    throw new InvalidKeyError(`The ${what} ${message}, not ${quote(name)}.`, { issues: [{ path: what, message }] });
  }
  return name;
}

function encodeURIComponentFully(character: string): string {
  // encodeURIComponent leaves `*` alone, which is a glob here.
  return character === '*' ? '%2A' : encodeURIComponent(character);
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
