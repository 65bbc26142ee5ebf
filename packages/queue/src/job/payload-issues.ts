import { type FieldIssue, outlineJson } from '@holdfast/redis-core';
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';

/**
 * What is wrong is looked for in so many bytes of JSON at most: that takes a hundred times as long as to find that something is,
 * and nothing else runs meanwhile.
 */
const maxBytes = 64 * 1024;
/** More would only repeat what the first ones say. */
const maxIssues = 8;

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
}

/**
 * What is wrong with data that does not fit a schema, as JSON pointers into it. Where a part of the schema has an
 * `errorMessage`, that is what the caller is told about it. Of large data the fields that are small are looked into, and of
 * the others it is said whether they fit.
 */
export function payloadIssues(schema: TSchema, data: unknown, json: string): FieldIssue[] {
  if (json.length <= maxBytes) return issuesOf(schema, data);
  const { properties = {}, required = [], additionalProperties } = schema as ObjectSchema;
  const large = largeFields(json);
  if (large === undefined) return [tooLargeToExplain('')];
  const without = <Kept>(fields: Readonly<Record<string, Kept>>): Record<string, Kept> =>
    Object.fromEntries(Object.entries(fields).filter(([name]) => !large.has(name)));
  const small = { ...schema, properties: without(properties), required: required.filter((name) => !large.has(name)) };
  const issues = issuesOf(small, without(data as Record<string, unknown>));
  if (issues.length > 0) return issues;
  for (const name of large) {
    const path = `/${escaped(name)}`;
    const field = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (field === undefined && additionalProperties === false) return [{ path, message: 'is not a known field' }];
    if (field === undefined || Value.Check(field, (data as Record<string, unknown>)[name])) continue;
    return [{ path, message: messageOf(field) ?? tooLargeToExplain(path).message }];
  }
  return [tooLargeToExplain('')];
}

/** The fields that leave a small rest, the largest first; `undefined` where it is no object, or has very many. */
function largeFields(json: string): ReadonlySet<string> | undefined {
  const bytes = Buffer.from(json);
  const whole = outlineJson(bytes, 1, maxBytes / 4);
  if (typeof whole === 'string' || bytes[0] !== 0x7b) return undefined;
  const sizeOf = ({ start, end }: { readonly start: number; readonly end: number }): number => end - start;
  const large = new Set<string>();
  let rest = bytes.length;
  for (const part of whole.parts.toSorted((one, other) => sizeOf(other) - sizeOf(one))) {
    if (rest <= maxBytes || part.name === undefined) break;
    large.add(part.name);
    rest -= sizeOf(part);
  }
  return rest <= maxBytes ? large : undefined;
}

function tooLargeToExplain(path: string): FieldIssue {
  return { path, message: 'does not fit the schema of the queue; it is too large for a look at what is wrong in it' };
}

function issuesOf(schema: TSchema, data: unknown): FieldIssue[] {
  const errors = Value.Errors(schema, data).map((error) => ({ ...error, told: messageAt(schema, saidAt(error)) }));
  const explained = new Set(errors.filter(({ told }) => told !== undefined).map(({ instancePath }) => instancePath));
  return (
    errors
      // What is explained as a whole needs no list of the alternatives that it does not fit either.
      .filter(({ told, instancePath }) => told !== undefined || !explained.has(instancePath))
      .flatMap((error) => fieldIssues(error))
      // An unknown field is told twice, before by the `false` that is then its schema; of many unknown ones only that is told.
      .filter(
        (issue, at, all) => all.findIndex((one) => one.path === issue.path && one.message === issue.message) === at,
      )
      .slice(0, maxIssues)
  );
}

/** What is said of an unknown field is said by the object that does not know it. */
function saidAt({ keyword, schemaPath }: { readonly keyword: string; readonly schemaPath: string }): string {
  return keyword === 'boolean' ? schemaPath.replace(/\/additionalProperties$/, '') : schemaPath;
}

/** The `errorMessage` of the part of the schema that a pointer such as `#/properties/url` names. */
function messageAt(schema: TSchema, pointer: string): string | undefined {
  let part: unknown = schema;
  for (const name of pointer.split('/').slice(1)) {
    if (typeof part !== 'object' || part === null) return undefined;
    part = part[name.replaceAll('~1', '/').replaceAll('~0', '~') as keyof typeof part];
  }
  return messageOf(part);
}

function messageOf(schema: unknown): string | undefined {
  if (typeof schema !== 'object' || schema === null || !('errorMessage' in schema)) return undefined;
  return typeof schema.errorMessage === 'string' ? schema.errorMessage : undefined;
}

/** An error about a property that should not be there, or is missing, points at that property and not at its parent. */
function fieldIssues(error: {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message: string;
  readonly params: object;
  readonly told: string | undefined;
}): FieldIssue[] {
  if (error.keyword === 'boolean') return [{ path: error.instancePath, message: error.told ?? 'is not a known field' }];
  const named =
    'additionalProperties' in error.params
      ? { names: error.params.additionalProperties, message: error.told ?? 'is not a known field' }
      : 'requiredProperties' in error.params
        ? { names: error.params.requiredProperties, message: 'is required' }
        : undefined;
  if (named === undefined || !Array.isArray(named.names)) {
    return [{ path: error.instancePath, message: error.told ?? error.message }];
  }
  return named.names.slice(0, maxIssues).map((name) => ({
    path: `${error.instancePath}/${escaped(String(name))}`,
    message: named.message,
  }));
}

function escaped(name: string): string {
  // A name from outside is repeated in the answer: at a bounded length.
  return name.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1');
}
