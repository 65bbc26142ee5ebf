import { ValueError } from './errors.ts';
import { isHost } from './value-types.ts';
import type { ValueType } from './value-types.ts';

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls: boolean;
}

const allowed = 'redis://[user:password@]host[:port][/database], or rediss:// for TLS';

/** `redis:` and `rediss:` URLs; user and password percent-decoded. */
export const redisUrl: ValueType<RedisAddress> = { name: 'Redis URL', allowed, printable: false, parse: parseRedisUrl };

function parseRedisUrl(value: string): RedisAddress {
  const url = URL.parse(value);
  if (url === null) throw new ValueError('is no URL (special characters in a password must be percent-encoded)');
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') throw new ValueError('has another scheme');
  if (url.hostname === '') throw new ValueError('has no host');
  if (url.search !== '' || url.hash !== '') throw new ValueError('must have no query and no fragment');
  const path = /^\/?(\d{0,5})$/.exec(url.pathname);
  const db = Number(path?.[1] ?? Number.NaN);
  if (path === null || db > 65_535) throw new ValueError('has a path that is no database number');
  const host = decode(url.hostname).replace(/^\[(.*)\]$/, '$1');
  if (!isHost(host)) throw new ValueError('has a wrong host');
  const username = decode(url.username);
  const password = decode(url.password);
  return {
    host,
    port: url.port === '' ? 6379 : validPort(Number(url.port)),
    db,
    ...(username !== '' && { username }),
    ...(password !== '' && { password }),
    tls: url.protocol === 'rediss:',
  };
}

function validPort(port: number): number {
  if (port === 0) throw new ValueError('has the port 0');
  return port;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new ValueError('has a "%" that is not percent-encoded (write it as %25)');
  }
}
