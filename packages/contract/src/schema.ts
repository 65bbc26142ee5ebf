import type { TProperties, TSchema } from 'typebox';
import { Type } from 'typebox';

/** An object of a request: what it does not name is refused. */
export function strictObject<Properties extends TProperties>(
  properties: Properties,
  options: Record<string, unknown> = {},
): Type.TObject<Properties> {
  return Type.Object(properties, { ...options, additionalProperties: false });
}

/** The body of a route that needs none: nothing, `null` or `{}`. */
export const noBody: TSchema = Type.Union([Type.Null(), strictObject({})]);

export const problemSchema: TSchema = Type.Object(
  {
    type: Type.String({ examples: ['urn:holdfast:error:REQUEST_INVALID'] }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    instance: Type.String({ description: 'Names the request, as x-request-id does.' }),
    code: Type.String({ description: 'Stable: decide on it.', examples: ['REQUEST_INVALID'] }),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          path: Type.String({ description: 'A JSON pointer into the body, or a name such as query.ttl.' }),
          message: Type.String(),
        }),
      ),
    ),
  },
  { $id: 'Problem', description: 'An error (RFC 9457).' },
);

const problemDescriptions: Readonly<Record<number, string>> = {
  400: 'The request is not valid.',
  401: 'No valid API key.',
  403: 'The API key lacks the scope, or is limited to other namespaces.',
  404: 'Not found.',
  409: 'In conflict with what is stored.',
  412: 'The precondition does not hold.',
  413: 'The body is too large.',
  415: 'The type of the body is not supported.',
  422: 'Well-formed, but not what the queue takes.',
  500: 'A fault of the service.',
  501: 'Not available in this installation.',
  503: 'Not available at the moment; see Retry-After.',
  507: 'Redis is out of memory.',
};

/** What every route behind an API key can answer, besides `statuses` of its own. */
export function problems(...statuses: number[]): Record<number, TSchema> {
  return Object.fromEntries([400, 401, 403, 500, 503, ...statuses].map((status) => [status, problemResponse(status)]));
}

function problemResponse(status: number): TSchema {
  const retry = status === 503 || status === 507;
  return {
    description: problemDescriptions[status] ?? 'An error.',
    content: { 'application/problem+json': { schema: Type.Unsafe({ $ref: 'Problem#' }) } },
    ...(retry ? { headers: { 'retry-after': { type: 'integer', description: 'Seconds.' } } } : {}),
  };
}

/** A JSON answer with a description of its own in the OpenAPI document. */
export function jsonResponse<Schema extends TSchema>(description: string, schema: Schema): Schema {
  return { ...schema, description };
}

/** An answer without a body. */
export function emptyResponse(description: string): TSchema {
  return Type.Null({ description });
}

/** A duration as text in a query string or as a JSON value. */
export const durationText = Type.String({
  maxLength: 32,
  description: 'A duration: 500ms, 30s, 5m, 6h, 7d, or milliseconds.',
  examples: ['30s'],
});

export const durationValue = Type.Union([Type.Integer({ minimum: 0 }), Type.String({ maxLength: 32 })], {
  description: 'A duration: milliseconds, or a text such as 30s.',
  examples: ['30s', 30_000],
});
