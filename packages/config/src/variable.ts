import type { ValueType } from './value-types.ts';

export const groups = {
  service: 'Service',
  embedded: 'Modes and data',
  redis: 'Redis',
  tls: 'TLS to Redis',
  upstash: 'Upstash (Redis over REST)',
  resilience: 'Redis: time-outs, retries, fallback',
  cache: 'Cache',
  upstream: 'Upstream API',
  jobs: 'Worker and jobs',
  security: 'Access',
} as const;

export interface Variable<T> {
  readonly group: keyof typeof groups;
  readonly type: ValueType<T>;
  readonly description: string;
  /** As it would be written; `undefined`: none. */
  readonly fallback: string | undefined;
  /** Said in the documentation instead of `fallback`, where the default depends on something. */
  readonly fallbackNote?: string;
  /** Never shown, and may be given in a file named by `<NAME>_FILE`. */
  readonly secret: boolean;
  /** For `.env.example`. */
  readonly example?: string;
}

type Meta = Omit<Variable<unknown>, 'type' | 'group' | 'description' | 'fallback' | 'secret'> & { secret?: boolean };

/** Absent unless it is set. */
export function optional<T>(
  group: keyof typeof groups,
  type: ValueType<T>,
  description: string,
  meta: Meta = {},
): Variable<T | undefined> {
  return { group, type, description, fallback: undefined, secret: false, ...meta };
}

/** `fallback` as it would be written. */
export function withDefault<T>(
  group: keyof typeof groups,
  type: ValueType<T>,
  fallback: string,
  description: string,
  meta: Meta = {},
): Variable<T> {
  return { group, type, description, fallback, secret: false, ...meta };
}
