import { defineQueue, type QueueDefinition } from '@holdfast/queue';
import { Type, type Static, type TString } from 'typebox';

/** Absolute, http or https, with a host and without white space; what it resolves to is checked at delivery. */
const url = (description: string): TString =>
  Type.String({
    pattern: String.raw`^[hH][tT][tT][pP][sS]?://[^\s/?#]+[^\s]*$`,
    maxLength: 2048,
    description,
    errorMessage: 'must be an absolute http:// or https:// URL of at most 2048 characters without white space',
  });

const payload = Type.Object(
  {
    url: url('Where the request goes: an absolute http or https URL.'),
    method: Type.Optional(
      Type.Enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], {
        description: 'Default POST.',
        errorMessage: 'must be GET, POST, PUT, PATCH or DELETE, in capitals',
      }),
    ),
    headers: Type.Optional(
      Type.Record(Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$" }), headerValue(), {
        additionalProperties: false,
        maxProperties: 50,
        description: 'Sent as they are, besides those that the delivery sets itself.',
        errorMessage: "must be at most 50 headers, named with letters, digits and !#$%&'*+.^_`|~-",
      }),
    ),
    body: Type.Optional(Type.Unknown({ description: 'A string is sent as it is, anything else as JSON.' })),
    timeout: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: 60_000 }), Type.String({ pattern: durationPattern() })], {
        description: 'Of one request: milliseconds, or such as "500ms", "30s", "1m". At most 60 s.',
        errorMessage: 'must be whole milliseconds or a duration such as "500ms", "30s", "1m", and at most 60 s',
      }),
    ),
    failureUrl: Type.Optional(url('Told when the last attempt has failed.')),
  },
  { additionalProperties: false },
);

export type HttpDeliveryData = Static<typeof payload>;

/** What the receiver answered: the result of a job that was delivered. */
export const deliveryResponse = Type.Object({
  status: Type.Integer(),
  headers: Type.Record(Type.String(), Type.String()),
  body: Type.String({ description: 'The first 64 KiB, as text.' }),
  truncated: Type.Optional(Type.Literal(true, { description: 'There was more.' })),
  durationMs: Type.Number(),
});

/** Delivers a job as one HTTP request and records the response. */
export const httpDelivery: QueueDefinition<'http-delivery', typeof payload, typeof deliveryResponse> = defineQueue({
  name: 'http-delivery',
  description: 'Delivers a job as an HTTP request to a URL and records the response.',
  payload,
  result: deliveryResponse,
  attempts: 8,
  // With half of each wait random: 1 s, 2 s, 4 s … 64 s, so some two minutes in all.
  backoff: { type: 'exponential', delayMs: 1000, maxDelayMs: 10 * 60_000, jitter: 0.5 },
  timeoutMs: 90_000,
  retention: { completed: { count: 1000, ageMs: 86_400_000 }, failed: { count: 5000, ageMs: 14 * 86_400_000 } },
  concurrency: 20,
});

/** No control characters: a line break would begin another header. */
function headerValue(): TString {
  return Type.String({
    pattern: String.raw`^[\t\x20-\x7e\x80-\xff]*$`,
    maxLength: 4096,
    errorMessage: 'must be text of at most 4096 characters, without line breaks and characters beyond Latin-1',
  });
}

/** Up to one minute; longer requests belong into a job of their own kind. */
function durationPattern(): string {
  return '^(?:[1-9][0-9]{0,3}ms|[1-5][0-9]{4}ms|60000ms|[1-9]s|[1-5][0-9]s|60s|1m)$';
}
