import { ValueError } from './errors.ts';
import type { ProblemList } from './errors.ts';
import { isPlaceholder, isQuoted } from './secret-types.ts';
import { isServiceLink } from './unknown-variables.ts';
import type { ValuesOf, Variable } from './variable.ts';
import type { BaseVariables, NamedVariable } from './variables.ts';

export interface Environment {
  /** A variable that is wrong has its default here; the problem is in the list. */
  readonly values: ValuesOf<BaseVariables> & Readonly<Record<string, unknown>>;
  /** Which variables were set, rightly or wrongly. */
  readonly given: ReadonlySet<string>;
  /** Secrets that still hold what an example put there, each as it was set (`NAME` or `NAME_FILE`). */
  readonly placeholders: readonly string[];
}

export interface EnvironmentSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string) => string;
  readonly problems: ProblemList;
  readonly warnings: string[];
  /** Names that are no variables of Holdfast but those of secrets in holdfast.yaml. */
  readonly alsoRead: Set<string>;
}

/**
 * Reads every variable of the table, its `_FILE` form where it is a secret, and notes what is wrong.
 *
 * @param table Those of Holdfast itself are among them.
 */
export function readEnvironment(table: readonly NamedVariable[], sources: EnvironmentSources): Environment {
  const values: Record<string, unknown> = {};
  const given = new Set<string>();
  const placeholders: string[] = [];
  for (const [name, variable] of table) {
    const raw = rawValue(name, variable, sources);
    if (raw !== undefined) given.add(name);
    if (variable.secret && isPlaceholder(raw?.text ?? '')) placeholders.push(raw?.name ?? name);
    values[name] = parse(raw?.name ?? name, variable, raw?.text, sources.problems);
    if (variable.secret && isQuoted(raw?.text ?? '')) {
      sources.warnings.push(`${raw?.name ?? name} stands in quotes, which are taken for a part of it`);
    }
  }
  return { values: values as Environment['values'], given, placeholders };
}

/**
 * The secret in a variable that only holdfast.yaml names (at `path`), or in its `_FILE`; `undefined`, and a problem, where
 * it is none.
 *
 * @param variable the variable that it stands instead of, which is read in the same way
 */
export type ReadSecret = <T>(name: string, variable: Variable<T>, path: string) => T | undefined;

/** Reads secrets that holdfast.yaml names. A variable of `table` is one only where it is of the same type. */
export function secretReader(table: readonly NamedVariable[], sources: EnvironmentSources): ReadSecret {
  const types = new Map(table.map(([name, { type }]) => [name, type]));
  return (name, variable, path) => {
    const { problems, alsoRead } = sources;
    if (types.has(name) && types.get(name) !== variable.type) {
      const allowed = `the name of a variable with a ${variable.type.name}`;
      problems.add(path, 'names a variable that is something else', allowed);
      return undefined;
    }
    alsoRead.add(name).add(`${name}_FILE`);
    const raw = rawValue(name, variable, sources);
    if (raw === undefined) {
      problems.add(path, 'names a variable that is not set', `${name} or ${name}_FILE in the environment`);
      return undefined;
    }
    return parse(raw.name ?? name, variable, raw.text, problems);
  };
}

/**
 * `undefined`: not set. Without a text: set, but a problem. `name`: the variable that names the file it is from. An empty
 * text is the same as not set.
 */
function rawValue(
  name: string,
  variable: Variable<unknown>,
  { env, readFile, problems, warnings }: EnvironmentSources,
): { readonly text?: string; readonly name?: string } | undefined {
  const direct = emptyAsUnset(env[name]);
  if (direct !== undefined && isServiceLink(name, direct)) {
    warnings.push(
      `${name} looks like a service link that Kubernetes injected and is ignored; set enableServiceLinks: false in the pod`,
    );
    return undefined;
  }
  const file = variable.secret ? emptyAsUnset(env[`${name}_FILE`]) : undefined;
  if (file === undefined) return direct === undefined ? undefined : { text: direct };
  if (direct !== undefined) {
    problems.add(`${name}_FILE`, `is set as well as ${name}`, 'one of the two');
    return {};
  }
  try {
    // What editors put around a text is no part of a secret.
    const text = readFile(file)
      .replace(/^\uFEFF/, '')
      .replace(/[\r\n]+$/, '');
    if (text !== '') return { text, name: `${name}_FILE` };
    problems.add(`${name}_FILE`, `the file ${file} is empty`, variable.type.allowed);
  } catch (error) {
    problems.add(
      `${name}_FILE`,
      `the file ${file} cannot be read (${errorCode(error)})`,
      'the path of a readable file',
    );
  }
  return {};
}

function parse<T>(name: string, variable: Variable<T>, text: string | undefined, problems: ProblemList): T | undefined {
  if (text !== undefined) {
    try {
      return variable.type.parse(text);
    } catch (error) {
      // Only messages that were written for this purpose: another one might repeat the value.
      const message = error instanceof ValueError ? error.message : 'cannot be read';
      problems.add(name, `${shown(variable, text)}${message}`, variable.type.allowed);
    }
  }
  return variable.fallback === undefined ? undefined : variable.type.parse(variable.fallback);
}

function shown(variable: Variable<unknown>, text: string): string {
  const mayShow = variable.type.printable && !variable.secret && text.length <= 32 && !/[@/]/.test(text);
  return mayShow ? `${JSON.stringify(text)} ` : '';
}

function emptyAsUnset(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

/** `ENOENT`, `EACCES`, … or a word for everything else. */
export function errorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^E[A-Z0-9_]+$/.test(code) ? code : 'unreadable';
}
