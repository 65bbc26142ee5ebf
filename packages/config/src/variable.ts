import type { ValueType } from './value-types.ts';

/** A heading of the reference, under which variables stand together. */
export interface VariableGroup {
  readonly title: string;
  /** It stands before this one. Default: behind all the others. */
  readonly before?: VariableGroup;
}

/** The groups that Holdfast itself has variables in, in their order. A part may bring its own. */
export const groups = {
  service: { title: 'Service' },
  embedded: { title: 'Modes and data' },
  redis: { title: 'Redis' },
  tls: { title: 'TLS to Redis' },
  upstash: { title: 'Upstash (Redis over REST)' },
  resilience: { title: 'Redis: time-outs, retries, fallback' },
  cache: { title: 'Cache' },
  jobs: { title: 'Worker and jobs' },
  security: { title: 'Access' },
} as const satisfies Readonly<Record<string, VariableGroup>>;

export interface Variable<T> {
  readonly group: VariableGroup;
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
  /** The variable before which it stands in the reference. Default: behind all that were declared earlier. */
  readonly before?: string;
}

/** Declared variables, by name. */
export type Variables = Readonly<Record<string, Variable<unknown>>>;

/** What is read of them: `undefined` where one is unset and has no default. */
export type ValuesOf<Declared extends Variables> = {
  readonly [Name in keyof Declared]: Declared[Name] extends Variable<infer T> ? T : never;
};

type Meta = Omit<Variable<unknown>, 'type' | 'group' | 'description' | 'fallback' | 'secret'> & { secret?: boolean };

/** Absent unless it is set. */
export function optional<T>(
  group: VariableGroup,
  type: ValueType<T>,
  description: string,
  meta: Meta = {},
): Variable<T | undefined> {
  return { group, type, description, fallback: undefined, secret: false, ...meta };
}

/** `fallback` as it would be written. */
export function withDefault<T>(
  group: VariableGroup,
  type: ValueType<T>,
  fallback: string,
  description: string,
  meta: Meta = {},
): Variable<T> {
  return { group, type, description, fallback, secret: false, ...meta };
}
