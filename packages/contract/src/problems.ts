import type { Static, TSchema } from 'typebox';
import { Type } from 'typebox';
import type { ErrorCode, ErrorCodeDefinition } from './error-codes.ts';
import { errorCodes } from './error-codes.ts';

export const FieldIssue = Type.Object(
  {
    path: Type.String({ description: 'A JSON pointer into the body, or a name such as query.ttl.' }),
    message: Type.String(),
  },
  { title: 'FieldIssue', description: 'A part of the request that is wrong.' },
);
export type FieldIssue = Static<typeof FieldIssue>;

export const Problem = Type.Object(
  {
    type: Type.String({ format: 'uri', examples: ['urn:holdfast:error:REQUEST_INVALID'] }),
    title: Type.String({ description: 'The same for every error with this code.' }),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String({ description: 'What is wrong this time; for people.' }),
    instance: Type.String({ format: 'uri', description: 'Names the request, as x-request-id does.' }),
    code: Type.String({ description: 'Stable: decide on it.', examples: ['REQUEST_INVALID'] }),
    errors: Type.Optional(Type.Array(FieldIssue)),
  },
  { title: 'Problem', description: 'An error (RFC 9457).' },
);
export type Problem = Static<typeof Problem>;

const descriptions: Readonly<Record<number, string>> = {
  400: 'The request is not valid.',
  401: 'No valid API key.',
  403: 'The API key lacks the scope, or is limited to other namespaces.',
  404: 'Not found.',
  409: 'In conflict with what is stored.',
  412: 'The precondition does not hold.',
  413: 'The body is too large, or has too much in it.',
  415: 'The type of the body is not supported.',
  422: 'Well-formed, but not what the queue takes.',
  500: 'A fault of the service.',
  501: 'Not available in this installation.',
  503: 'Not available at the moment; see Retry-After.',
  507: 'Redis is out of memory.',
};

/** What every route behind an API key can answer. */
const everywhere = [
  'REQUEST_INVALID',
  'UNAUTHENTICATED',
  'INSUFFICIENT_SCOPE',
  'INTERNAL',
  'HANDLER_TIMEOUT',
  'OVERLOADED',
] as const satisfies readonly ErrorCode[];

/** What any request can be answered, also one to a route that is open to everybody. */
const toAnyone = ['REQUEST_MALFORMED', 'INTERNAL', 'HANDLER_TIMEOUT'] as const satisfies readonly ErrorCode[];

/** What a route that takes a JSON body can answer to it. */
export const bodyProblems = [
  'BODY_INVALID_JSON',
  'JSON_TOO_DEEP',
  'BODY_TOO_LARGE',
  'JSON_TOO_MANY_MEMBERS',
  'UNSUPPORTED_MEDIA_TYPE',
] as const satisfies readonly ErrorCode[];

/** The errors of a route by their status: those of every route behind an API key, and `codes` of its own. */
export function problems(...codes: ErrorCode[]): Record<number, TSchema> {
  return byStatus([...everywhere, ...codes]);
}

/** The errors of a route that needs no scope: those of any request, and `codes` of its own. */
export function openProblems(...codes: ErrorCode[]): Record<number, TSchema> {
  return byStatus([...toAnyone, ...codes]);
}

function byStatus(codes: readonly ErrorCode[]): Record<number, TSchema> {
  const grouped = Map.groupBy(new Set(codes), (code) => errorCodes[code].status as number);
  return Object.fromEntries([...grouped].map(([status, alike]) => [status, problemAnswer(status, alike)]));
}

function problemAnswer(status: number, codes: readonly ErrorCode[]): TSchema {
  const retry = status === 503 || status === 507;
  const examples = Object.fromEntries(codes.map((code) => [code, { value: exampleOf(code) }]));
  return {
    description: descriptions[status] ?? 'An error.',
    content: { 'application/problem+json': { schema: Problem, examples } },
    ...(retry ? { headers: { 'retry-after': { type: 'integer', description: 'Seconds.' } } } : {}),
  };
}

/** What an error with this code looks like. */
function exampleOf(code: ErrorCode): Problem {
  const { status, title }: ErrorCodeDefinition = errorCodes[code];
  const errors = wrongParts[code];
  return {
    type: `urn:holdfast:error:${code}`,
    title,
    status,
    detail: errors === undefined ? title : errors.map(({ path, message }) => `${path} ${message}`).join('; '),
    instance: 'urn:holdfast:request:018f2c4e-6f0a-7b1c-9d3e-5a7b8c9d0e1f',
    code,
    ...(errors === undefined ? {} : { errors }),
  };
}

/** Of the errors that point into the request, where they point. */
const wrongParts: { readonly [code in ErrorCode]?: FieldIssue[] } = {
  REQUEST_INVALID: [{ path: 'query.limit', message: 'must be >= 1' }],
  JOB_INVALID: [{ path: '/data/url', message: 'must match format "uri"' }],
  JOB_OPTIONS_INVALID: [{ path: '/options/attempts', message: 'must be <= 100' }],
  KEY_INVALID: [{ path: 'params.key', message: 'must have 1 to 512 bytes' }],
};
