import { isIP } from 'node:net';
import { maxDurationMs, parseDuration, parseTtl } from './duration.ts';
import { ValueError } from './errors.ts';

/** How the text of a variable is read. `parse` throws when it is not one of `allowed`. */
export interface ValueType<T> {
  readonly name: string;
  readonly allowed: string;
  parse(text: string): T;
  /** Whether a wrong value may be repeated in a message. */
  readonly printable: boolean;
}

export const text: ValueType<string> = { name: 'text', allowed: 'any text', parse: (value) => value, printable: false };

export const boolean: ValueType<boolean> = {
  name: 'boolean',
  allowed: 'true, false, 1 or 0',
  printable: true,
  parse: (value) => {
    if (value === 'true' || value === '1') return true;
    if (value === 'false' || value === '0') return false;
    throw new ValueError('is no boolean');
  },
};

export function oneOf<const T extends string>(values: readonly T[]): ValueType<T> {
  return {
    name: 'choice',
    allowed: values.join(', '),
    printable: true,
    parse: (value) => {
      const found = values.find((candidate) => candidate === value);
      if (found === undefined) throw new ValueError('is none of the choices');
      return found;
    },
  };
}

export function integer(minimum: number, maximum: number, unit = ''): ValueType<number> {
  return {
    name: 'integer',
    allowed: `a whole number from ${minimum} to ${maximum}${unit === '' ? '' : ` ${unit}`}`,
    printable: true,
    parse: (value) => {
      const number = /^-?\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
      if (!Number.isSafeInteger(number)) throw new ValueError('is no whole number');
      if (number < minimum || number > maximum) throw new ValueError('is out of range');
      return number;
    },
  };
}

/** Milliseconds; a plain number is milliseconds, too. */
export function milliseconds(minimum: number, maximum: number): ValueType<number> {
  return {
    name: 'milliseconds',
    allowed: `${minimum} to ${maximum} ms, as a whole number of milliseconds or with a unit (500ms, 30s, 5m)`,
    printable: true,
    parse: (value) => {
      const parsed = orValueError(() => parseDuration(value), 'is no duration');
      if (parsed < minimum || parsed > maximum) throw new ValueError('is out of range');
      return parsed;
    },
  };
}

/** A duration above zero; a plain number is **seconds**. Replies milliseconds. */
export const seconds: ValueType<number> = {
  name: 'seconds',
  allowed: `whole seconds from 1, or a duration with a unit: 30s, 5m, 6h (at most 36500d)`,
  printable: true,
  parse: (value) => {
    const parsed = orValueError(() => parseDuration(withSeconds(value)), 'is no duration');
    if (parsed < 1 || parsed > maxDurationMs) throw new ValueError('is out of range');
    return parsed;
  },
};

/** A TTL; a plain number is **seconds**. Replies milliseconds, `null` for none. */
export const ttlSeconds: ValueType<number | null> = {
  name: 'seconds or TTL',
  allowed: 'whole seconds, a duration with a unit (30s, 5m, 6h; at most 36500d), none (no expiry) or 0 (off)',
  printable: true,
  parse: (value) => orValueError(() => parseTtl(withSeconds(value)), 'is no TTL'),
};

/** Comma-separated names; white space around them is dropped. */
export function names(grammar: RegExp, allowed: string): ValueType<readonly string[]> {
  return {
    name: 'list',
    allowed,
    printable: true,
    parse: (value) => {
      const list = splitList(value);
      if (!list.every((name) => grammar.test(name))) throw new ValueError('holds a wrong name');
      if (new Set(list).size < list.length) throw new ValueError('holds a name twice');
      return list;
    },
  };
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Comma-separated `host` or `host:port`; IPv6 addresses with a port in brackets. */
export function hostList(defaultPort: number): ValueType<readonly HostPort[]> {
  return {
    name: 'list of addresses',
    allowed: `comma-separated host:port, IPv6 as [::1]:port; the port is ${defaultPort} when left out`,
    printable: false,
    parse: (value) => splitList(value).map((entry, index) => parseHostPort(entry, index + 1, defaultPort)),
  };
}

export const hostName: ValueType<string> = {
  name: 'host',
  allowed: 'a host name or an IP address, without scheme and port',
  printable: false,
  parse: (value) => {
    if (!isHost(value)) throw new ValueError('is no host name');
    return value;
  },
};

/** Grammar of values that stand in keys and names. */
export function matching(name: string, grammar: RegExp, allowed: string): ValueType<string> {
  return {
    name,
    allowed,
    printable: false,
    parse: (value) => {
      if (!grammar.test(value)) throw new ValueError('has a wrong form');
      return value;
    },
  };
}

/** An absolute http(s) URL without credentials, query and fragment; a trailing slash is dropped. */
export const baseUrl: ValueType<string> = httpUrl(
  'an http:// or https:// URL without user, query and fragment',
  (url) => {
    if (url.search !== '' || url.hash !== '') throw new ValueError('must have no query and no fragment');
    return url.href.replace(/\/+$/, '');
  },
);

/** An absolute http(s) URL without credentials. */
export const webUrl: ValueType<string> = httpUrl(
  'an http:// or https:// URL without user and password',
  (url) => url.href,
);

function httpUrl(allowed: string, toText: (url: URL) => string): ValueType<string> {
  return {
    name: 'URL',
    allowed,
    printable: false,
    parse: (value) => {
      const url = URL.parse(value);
      if (url === null) throw new ValueError('is no URL');
      if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new ValueError('has another scheme');
      if (url.username !== '' || url.password !== '') throw new ValueError('must not hold a user or a password');
      return toText(url);
    },
  };
}

function parseHostPort(entry: string, position: number, defaultPort: number): HostPort {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(entry);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (host === undefined || !isHost(host) || port < 1 || port > 65_535) {
    throw new ValueError(`has a wrong address (number ${position})`);
  }
  return { host, port };
}

/** A host name or an IP address (IPv6 without brackets). */
export function isHost(value: string): boolean {
  return (
    isIP(value) !== 0 ||
    /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?$/.test(value)
  );
}

function splitList(value: string): string[] {
  const list = value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  if (list.length === 0) throw new ValueError('is an empty list');
  return list;
}

function withSeconds(value: string): string {
  return /^\d+$/.test(value) && value !== '0' ? `${value}s` : value;
}

function orValueError<T>(parse: () => T, message: string): T {
  try {
    return parse();
  } catch {
    throw new ValueError(message);
  }
}
