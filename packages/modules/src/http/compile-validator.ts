import type { FieldIssue } from '@holdfast/redis-core';
import type { FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { TLocalizedValidationError } from 'typebox/error';
import { Value } from 'typebox/value';
import { ApiError, apiErrors } from './errors.ts';
import { compileLongLists, withoutItemSchemas } from './long-lists.ts';

/** More would only repeat what the first ones say; and who sends thousands of mistakes should not have each of them looked for. */
export const maxIssues = 8;

/**
 * Compiles the schema of one part of a request. Bodies are taken as they are: no coercion, and what the schema does not
 * name is refused. In a query string everything is text, so `?limit=5` is converted to what the schema asks for.
 */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const check = Compile(schema);
  const shorten = compileLongLists(schema);
  const fromText = httpPart === 'querystring';
  const none = {};
  const acceptsNone = fromText && check.Check(none);
  return (input: unknown) => {
    // Most requests have no query: nothing to convert.
    if (acceptsNone && Object.keys(input as object).length === 0) return true;
    if (fromText) {
      const issues = unstorableIn(input as object);
      if (issues.length > 0) return { error: refusalOf(issues) };
    }
    const value = fromText ? Value.Convert(schema, { ...(input as object) }) : input;
    if (check.Check(value)) return fromText ? { value } : true;
    const part = httpPart ?? 'body';
    const shortened = shorten(value, maxIssues);
    if ('isTooLong' in shortened) {
      const { isTooLong: name, maxItems } = shortened;
      return { error: refusalOf([{ path: `/${name}`, message: `must not have more than ${maxItems} items` }]) };
    }
    return { error: refusal(part, 'errors' in shortened ? shortened.errors : check.Errors(shortened.value)) };
  };
};

/** For a route whose lists of objects are left as bytes: what is in them it checks by itself. */
export const compileEnvelopeValidator: FastifySchemaCompiler<TSchema> = (route) =>
  compileValidator(route.httpPart === 'body' ? { ...route, schema: withoutItemSchemas(route.schema) } : route);

/** Compiles the schema of one of many items, which stands at a path of the body. @returns what is wrong with it */
export function compileItem(schema: TSchema): (item: unknown, path: string) => readonly FieldIssue[] {
  const check = Compile(schema);
  return (item, at) => {
    if (check.Check(item)) return [];
    return issuesIn('body', check.Errors(item)).map(({ path, message }) => ({
      path: `${at}${path === 'body' ? '' : path}`,
      message,
    }));
  };
}

/** @throws ApiError REQUEST_INVALID with the first of them */
export function requireNoIssues(issues: readonly FieldIssue[]): void {
  if (issues.length > 0) throw refusalOf(issues.slice(0, maxIssues));
}

function refusal(part: string, errors: readonly TLocalizedValidationError[]): ApiError {
  return refusalOf(issuesIn(part, errors));
}

function issuesIn(part: string, errors: readonly TLocalizedValidationError[]): readonly FieldIssue[] {
  return joinAlternatives(errors, (error) => issuesOf(part, error)).slice(0, maxIssues);
}

/** Texts of a query become keys, and text in PostgreSQL, which stores neither. */
function unstorableIn(query: object): FieldIssue[] {
  return Object.entries(query).flatMap(([name, value]: [string, unknown]) =>
    [value].flat().some((text) => typeof text === 'string' && (text.includes('\0') || !text.isWellFormed()))
      ? [{ path: `query.${name.slice(0, 100)}`, message: 'must not have U+0000 or half of a surrogate pair' }]
      : [],
  );
}

function refusalOf(issues: readonly FieldIssue[]): ApiError {
  const detail = issues.map(({ path, message }) => `${path} ${message}`).join('; ');
  return new ApiError(apiErrors.requestInvalid, detail, { issues });
}

const maxNameLength = 100;

function issuesOf(part: string, error: TLocalizedValidationError): FieldIssue[] {
  const at = (suffix = ''): string => pathOf(part, `${error.instancePath}${suffix}`);
  if (error.keyword === 'required') {
    return error.params.requiredProperties
      .slice(0, maxIssues)
      .map((name) => ({ path: at(`/${name}`), message: 'is required' }));
  }
  if (error.keyword === 'additionalProperties') {
    return error.params.additionalProperties.slice(0, maxIssues).map((name) => ({
      path: at(`/${escapePointer(name)}`),
      message: 'is not known here',
    }));
  }
  // An unknown name is told twice, before by the `false` that is then its schema; of many unknown ones only that is told.
  if (error.keyword === 'boolean') {
    const [name = '', ...parents] = error.instancePath.split('/').toReversed();
    const path = [...parents.toReversed(), name.slice(0, maxNameLength)].join('/');
    return [{ path: pathOf(part, path), message: 'is not known here' }];
  }
  if (error.keyword === 'const') {
    return [{ path: at(), message: `must be ${JSON.stringify(error.params.allowedValue)}` }];
  }
  return [{ path: at(), message: error.message }];
}

/** A JSON pointer for a body; `query.limit`, `params.key`, `headers.x` for the flat parts. */
function pathOf(part: string, pointer: string): string {
  if (part === 'body') return pointer === '' ? 'body' : pointer;
  const name = part === 'querystring' ? 'query' : part;
  return pointer === '' ? name : `${name}.${pointer.slice(1).replaceAll('~1', '/').replaceAll('~0', '~')}`;
}

function escapePointer(name: string): string {
  // A name from outside is repeated in the answer: at a bounded length.
  return name.slice(0, maxNameLength).replaceAll('~', '~0').replaceAll('/', '~1');
}

/**
 * One issue for each path and message. Where a value may have one of several forms, each of them tells why it was not that one:
 * such messages make one issue, so that what is allowed can be read off.
 */
function joinAlternatives(
  errors: readonly TLocalizedValidationError[],
  issuesOf: (error: TLocalizedValidationError) => readonly FieldIssue[],
): FieldIssue[] {
  const messages = new Map<string, Set<string>>();
  const unions = new Set<string>();
  for (const error of errors) {
    for (const { path, message } of issuesOf(error)) {
      // Two constants at one place are alternatives, also where the number of errors that are told ends before the `anyOf`.
      if (error.keyword === 'anyOf' || error.keyword === 'const') unions.add(path);
      const known = messages.get(path) ?? new Set();
      if (error.keyword !== 'anyOf') known.add(message);
      messages.set(path, known);
    }
  }
  return [...messages].flatMap(([path, said]) => {
    if (said.size === 0) {
      const isToldBelow = [...messages.keys()].some(
        (other) => other !== path && (path === 'body' || other.startsWith(path)),
      );
      return isToldBelow ? [] : [{ path, message: 'has none of the forms that are allowed' }];
    }
    return unions.has(path)
      ? [{ path, message: [...said].join(', or ') }]
      : [...said].map((message) => ({ path, message }));
  });
}
