// Of its own subpath: whoever reads a configuration needs no schemas of routes.
import { scopes, type Scope } from '@holdfast/contract/scopes';
import { ValueError } from './errors.ts';

/** A caller of the API. The key itself is never stored, only its SHA-256. */
export interface ApiKey {
  readonly id: string;
  /** 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  readonly scopes: readonly Scope[];
  /** The only cache namespaces that the key may touch; without it all of them. */
  readonly namespaces?: readonly string[];
}

export const apiKeysAllowed =
  'id:sha256:scope+scope entries, each optionally followed by @namespace+namespace, separated by commas or line ends';

/** `_` is left out of ids because it separates the parts of a key (`hf_<id>_<secret>`). */
const entryGrammar = /^([A-Za-z0-9][A-Za-z0-9-]{0,63}):([0-9A-Fa-f]{64}):([a-z:+]+)(?:@([A-Za-z0-9._+-]+))?$/;
const namespaceGrammar = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/**
 * Reads HOLDFAST_API_KEYS. Empty entries and lines that start with `#` are skipped.
 *
 * @throws {ValueError} for all wrong entries at once. It names them by position only: what stands there may be a key
 * that was pasted by mistake.
 */
export function parseApiKeys(text: string): readonly ApiKey[] {
  const entries = text
    .split(/\r?\n/)
    .filter((line) => !line.trimStart().startsWith('#'))
    .flatMap((line) => line.split(','))
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  if (entries.length === 0) throw new ValueError('holds no entry');

  const keys: ApiKey[] = [];
  const problems: string[] = [];
  const positions = new Map<string, number>();
  for (const [index, entry] of entries.entries()) {
    const position = index + 1;
    const key = parseEntry(entry);
    const earlier = typeof key === 'string' ? undefined : positions.get(key.id);
    if (typeof key === 'string') {
      problems.push(`entry ${position} ${key}`);
    } else if (earlier !== undefined) {
      problems.push(`entry ${position} has the id of entry ${earlier} (to rotate a key, give the new one its own id)`);
    } else {
      positions.set(key.id, position);
      keys.push(key);
    }
  }
  if (problems.length > 0) throw new ValueError(problems.join('; '));
  return keys;
}

/** The key, or what is wrong with its entry. */
function parseEntry(entry: string): ApiKey | string {
  const [, id, sha256, scopeList, namespaceList] = entryGrammar.exec(entry) ?? [];
  if (id === undefined || sha256 === undefined || scopeList === undefined) {
    return 'is not id:sha256:scope+scope, where the id is 1 to 64 letters, digits or "-", and sha256 the 64 hexadecimal digits of the hash of the key';
  }
  const given = scopeList.split('+');
  const known = given.filter(isScope);
  if (known.length < given.length) return `has an unknown scope (there are: ${scopes.join(' ')})`;
  if (new Set(known).size < known.length) return 'gives a scope twice';
  const key = { id, sha256: sha256.toLowerCase(), scopes: known };
  if (namespaceList === undefined) return key;
  const namespaces = namespaceList.split('+');
  if (!namespaces.every((name) => namespaceGrammar.test(name))) return 'has a wrong namespace after "@"';
  return { ...key, namespaces };
}

function isScope(text: string): text is Scope {
  return scopes.some((scope) => scope === text);
}
