import { redisVariables } from './redis-variables.ts';
import { serviceVariables } from './service-variables.ts';
import type { Variable } from './variable.ts';
import { workVariables } from './work-variables.ts';

/**
 * Every environment variable of Holdfast, declared once: validation, `docs/reference/env.md` and `.env.example` are
 * derived from this table.
 */
export const environment = { ...serviceVariables, ...redisVariables, ...workVariables } as const;

export type VariableName = keyof typeof environment;

/** The value of each variable, `undefined` where it is unset and has no default. */
export type EnvironmentValues = {
  readonly [Name in VariableName]: (typeof environment)[Name] extends Variable<infer T> ? T : never;
};
