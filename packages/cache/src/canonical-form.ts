import { types } from 'node:util';
import { NotSerializableError } from '@holdfast/redis-core';

const MAX_DEPTH = 200;
const MAX_PARTS = 100_000;

/**
 * A text that is equal for two values exactly when `hashKey` calls them equal. Each part starts with a letter for its
 * type, and what has no fixed length is quoted or counted, so that no part can be read as another.
 */
export function canonicalForm(value: unknown): string {
  return new Canonicalizer().part(value, '', 0);
}

class Canonicalizer {
  readonly #ancestors = new Set<object>();
  #parts = 0;

  part(value: unknown, path: string, depth: number): string {
    this.#parts += 1;
    if (this.#parts > MAX_PARTS) throw refusal(path, `is the part beyond the ${MAX_PARTS} that a key may be made of`);
    switch (typeof value) {
      case 'undefined':
        return 'u';
      case 'boolean':
        return value ? 't' : 'f';
      case 'number':
        // `String` is exact for every number, and writes -0 as 0.
        return `n${value};`;
      case 'bigint':
        return `i${value};`;
      case 'string':
        // JSON escapes lone surrogates; as UTF-8 they would all become the same replacement character.
        return `s${JSON.stringify(value)}`;
      case 'object':
        return value === null ? 'z' : this.#object(value, path, depth);
      case 'function':
      case 'symbol':
        throw refusal(path, `is a ${typeof value}`);
    }
  }

  #object(value: object, path: string, depth: number): string {
    if (this.#ancestors.has(value)) throw refusal(path, 'contains itself');
    if (depth >= MAX_DEPTH) throw refusal(path, `is nested more than ${MAX_DEPTH} levels deep`);
    this.#ancestors.add(value);
    try {
      return atom(value, path) ?? this.#container(value, path, depth + 1);
    } finally {
      this.#ancestors.delete(value);
    }
  }

  #container(value: object, path: string, depth: number): string {
    if (Array.isArray(value)) {
      // Not `map`, which would skip holes: they read as undefined.
      const items = Array.from(value, (item: unknown, index) => this.part(item, `${path}/${index}`, depth));
      return `a${items.length}[${items.join('')}]`;
    }
    if (types.isMap(value)) {
      const entries = Array.from(value, ([key, item], index) => {
        const at = `${path}/${typeof key === 'string' ? pointer(key) : index}`;
        return this.part(key, at, depth) + this.part(item, at, depth);
      });
      return `m${entries.length}[${entries.sort(byCodeUnits).join('')}]`;
    }
    if (types.isSet(value)) {
      const members = Array.from(value, (member, index) => this.part(member, `${path}/${index}`, depth));
      return `e${members.length}[${members.sort(byCodeUnits).join('')}]`;
    }
    return this.#plainObject(value, path, depth);
  }

  #plainObject(value: object, path: string, depth: number): string {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) {
      throw refusal(path, `is an instance of ${value.constructor?.name || 'an unknown class'}`);
    }
    if (Object.getOwnPropertySymbols(value).length > 0) throw refusal(path, 'has a property whose name is a symbol');
    const fields = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => byCodeUnits(a, b))
      .map(([name, item]) => JSON.stringify(name) + this.part(item, `${path}/${pointer(name)}`, depth));
    return `o${fields.length}[${fields.join('')}]`;
  }
}

/** What holds no further parts; `undefined` for what does. */
function atom(value: object, path: string): string | undefined {
  if (types.isDate(value)) {
    const time = value.getTime();
    if (Number.isNaN(time)) throw refusal(path, 'is an invalid date');
    return `d${time};`;
  }
  if (value instanceof URL) return `l${JSON.stringify(value.href)}`;
  if (types.isRegExp(value)) return `r${JSON.stringify([value.source, value.flags])}`;
  if (ArrayBuffer.isView(value)) {
    // A Buffer is a Uint8Array in every respect that a query could mean.
    const name = Buffer.isBuffer(value) ? 'Uint8Array' : value.constructor.name;
    return `b${name}"${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')}"`;
  }
  if (types.isArrayBuffer(value)) return `bArrayBuffer"${Buffer.from(value).toString('base64')}"`;
  return undefined;
}

/** By UTF-16 code units, as `<` compares: a locale would order differently on another machine. */
function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function pointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function refusal(path: string, problem: string): NotSerializableError {
  const shown = path.length > 200 ? `${path.slice(0, 200)}…` : path;
  return new NotSerializableError(`A key cannot be made of this value: ${shown === '' ? 'it' : shown} ${problem}.`, {
    issues: [{ path: shown, message: problem }],
  });
}
