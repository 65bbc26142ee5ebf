import { noBody } from '@holdfast/contract';
import type { FastifySchema } from 'fastify';
import { groupEverydayErrors } from './everyday-errors.ts';

/** Marks an operation, while the document is made, whose body may be left out. */
const optionalBody = 'x-optional-body';

/**
 * The schema of a route as the document shows it: a route that only bears an empty body is shown without one, and one that takes
 * bytes, which nothing checks, with its `requestBody`. @fastify/swagger calls every body required; `refineOperation` undoes that
 * for those that can be left out.
 */
export function refineSchema(schema: FastifySchema): FastifySchema {
  const { body, requestBody, ...others } = schema as FastifySchema & { readonly requestBody?: unknown };
  if (requestBody !== undefined) return { ...others, body: requestBody };
  if (body === undefined) return schema;
  if (body === noBody) return others;
  const alternatives = alternativesOf(body);
  if (!alternatives.includes(noBody)) return schema;
  const [first, ...rest] = alternatives.filter((one) => one !== noBody);
  const shown = rest.length === 0 ? first : { anyOf: [first, ...rest] };
  return { ...others, body: shown, [optionalBody]: true } as FastifySchema;
}

function alternativesOf(body: unknown): readonly unknown[] {
  const { anyOf } = body as { readonly anyOf?: unknown };
  return Array.isArray(anyOf) ? anyOf : [];
}

interface Operation {
  requestBody?: { required?: boolean };
  responses?: Readonly<Record<string, unknown>>;
  [optionalBody]?: boolean;
}

/** Changes the operation in place: it has just been made. */
export function refineOperation(operation: Operation): void {
  if (operation[optionalBody] === true && operation.requestBody !== undefined) operation.requestBody.required = false;
  delete operation[optionalBody];
  if (operation.responses !== undefined) operation.responses = groupEverydayErrors(operation.responses);
}
