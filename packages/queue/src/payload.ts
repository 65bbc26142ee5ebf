import { nestingRule, toBoundedJson, type FieldIssue } from '@holdfast/redis-core';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { JobInvalidError, JobTooLargeError } from './errors.ts';
import { maxPayloadBytes } from './limits.ts';

/** Checks the data of the jobs of one queue; nothing is converted, completed or dropped. */
export type PayloadCheck = (data: unknown) => CheckedPayload;

export interface CheckedPayload {
  /** The data as it is stored. */
  readonly json: string;
  readonly bytes: number;
}

/** More would only repeat what the first ones say. */
const maxIssues = 20;

/**
 * Where a part of the schema has an `errorMessage`, that is what the caller is told about it: what is allowed, in words.
 *
 * @returns a function that throws `JobInvalidError` (issues with JSON pointers) or `JobTooLargeError`.
 */
export function compilePayload(queue: string, schema: TSchema): PayloadCheck {
  const validator = Compile(schema);
  return (data) => {
    const json = toJson(queue, data);
    const bytes = Buffer.byteLength(json);
    if (bytes > maxPayloadBytes) throw new JobTooLargeError(bytes, maxPayloadBytes);
    if (validator.Check(data)) return { json, bytes };
    const errors = validator
      .Errors(data)
      // An unknown field is reported twice: as unknown, and as not fitting the schema `false`.
      .filter((error) => error.keyword !== 'boolean')
      .map((error) => ({ ...error, told: messageAt(schema, error.schemaPath) }));
    const explained = new Set(errors.filter(({ told }) => told !== undefined).map(({ instancePath }) => instancePath));
    const issues = errors
      // What is explained as a whole needs no list of the alternatives that it does not fit either.
      .filter(({ told, instancePath }) => told !== undefined || !explained.has(instancePath))
      .slice(0, maxIssues)
      .flatMap((error) => issuesOf(error));
    throw new JobInvalidError(queue, issues);
  };
}

/** The `errorMessage` of the part of the schema that a pointer such as `#/properties/url` names. */
function messageAt(schema: TSchema, pointer: string): string | undefined {
  let part: unknown = schema;
  for (const name of pointer.split('/').slice(1)) {
    if (typeof part !== 'object' || part === null) return undefined;
    part = part[name.replaceAll('~1', '/').replaceAll('~0', '~') as keyof typeof part];
  }
  if (typeof part !== 'object' || part === null || !('errorMessage' in part)) return undefined;
  return typeof part.errorMessage === 'string' ? part.errorMessage : undefined;
}

/** In JSON: an escape of what PostgreSQL cannot store. Redis could, but a job must fit every backend. */
const unstorable = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89ab][0-9a-f]{2}|d[c-f][0-9a-f]{2})/i;

/** What is stored is JSON, so what cannot become JSON is refused here and not by a surprise in the store. */
function toJson(queue: string, data: unknown): string {
  try {
    const json = toBoundedJson(data);
    if (json === undefined) throw new TypeError('there is none');
    if (unstorable.test(json)) throw new TypeError('it holds U+0000 or half of a surrogate pair');
    return json;
  } catch (error) {
    if (error instanceof RangeError) throw new JobInvalidError(queue, [{ path: '', message: nestingRule }]);
    const reason = error instanceof Error ? error.message : String(error);
    throw new JobInvalidError(queue, [{ path: '', message: `cannot be stored as JSON (${reason})` }]);
  }
}

/** An error about a property that should not be there, or is missing, points at that property and not at its parent. */
function issuesOf(error: {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message: string;
  readonly params: object;
  readonly told: string | undefined;
}): FieldIssue[] {
  const named =
    'additionalProperties' in error.params
      ? { names: error.params.additionalProperties, message: error.told ?? 'is not a known field' }
      : 'requiredProperties' in error.params
        ? { names: error.params.requiredProperties, message: 'is required' }
        : undefined;
  if (named === undefined || !Array.isArray(named.names)) {
    return [{ path: error.instancePath, message: error.told ?? error.message }];
  }
  return named.names.map((name) => ({
    path: `${error.instancePath}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`,
    message: named.message,
  }));
}
