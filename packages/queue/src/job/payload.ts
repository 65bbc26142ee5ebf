import { nestingRule, toBoundedJson } from '@holdfast/redis-core';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { JobInvalidError, JobTooLargeError } from './errors.ts';
import { maxPayloadBytes } from './limits.ts';
import { payloadIssues } from './payload-issues.ts';

/** Checks the data of the jobs of one queue; nothing is converted, completed or dropped. */
export type PayloadCheck = (data: unknown) => CheckedPayload;

export interface CheckedPayload {
  /** The data as it is stored. */
  readonly json: string;
  readonly bytes: number;
}

/** @returns a function that throws `JobInvalidError` (issues with JSON pointers) or `JobTooLargeError`. */
export function compilePayload(queue: string, schema: TSchema): PayloadCheck {
  const validator = Compile(schema);
  return (data) => {
    const json = toJson(queue, data);
    const bytes = Buffer.byteLength(json);
    if (bytes > maxPayloadBytes) throw new JobTooLargeError(bytes, maxPayloadBytes);
    if (validator.Check(data)) return { json, bytes };
    throw new JobInvalidError(queue, payloadIssues(schema, data, json));
  };
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
