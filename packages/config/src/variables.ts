import { redisVariables } from './redis-variables.ts';
import { serviceVariables } from './service-variables.ts';
import { groups, type Variable, type VariableGroup, type Variables } from './variable.ts';
import { workerVariables } from './worker-variables.ts';

/** The variables of Holdfast itself. Each part declares those of its own. */
export const baseVariables = { ...serviceVariables, ...redisVariables, ...workerVariables } as const;

export type BaseVariables = typeof baseVariables;
export type BaseVariableName = keyof BaseVariables;

/** A variable with its name. */
export type NamedVariable = readonly [name: string, variable: Variable<unknown>];

/**
 * Every environment variable of Holdfast with these parts, declared once each: validation, `docs/reference/env.md` and
 * `.env.example` are derived from this table, in its order.
 */
export function variablesOf(parts: readonly { readonly variables: Variables }[]): readonly NamedVariable[] {
  const table = [baseVariables, ...parts.map(({ variables }) => variables)].flatMap((each) => Object.entries(each));
  const ordered: NamedVariable[] = [];
  for (const item of table) insert(ordered, item, ([name]) => name === item[1].before);
  return ordered;
}

/** The groups that these variables are in, in the order of the reference. */
export function groupsOf(variables: readonly NamedVariable[]): readonly VariableGroup[] {
  const ordered: VariableGroup[] = Object.values(groups);
  for (const [, { group }] of variables) {
    if (!ordered.includes(group)) insert(ordered, group, (other) => other === group.before);
  }
  return ordered;
}

/** Before the item that `isNext` holds for; at the end where there is none. */
function insert<T>(items: T[], item: T, isNext: (other: T) => boolean): void {
  const at = items.findIndex(isNext);
  items.splice(at === -1 ? items.length : at, 0, item);
}
