import type { InjectOptions } from 'fastify';

const json = { 'content-type': 'application/json' };

/** What is wrong with a request, the request, and what is answered. `path` is that of the field at fault. */
type BadRequest = [what: string, request: InjectOptions, status: number, code: string, path?: string];

export const cacheUrl = '/v1/cache/prompts/key';
const jobsUrl = '/v1/queues/http-delivery/jobs';
const put = (url: string, rest: InjectOptions = {}): InjectOptions => ({ method: 'PUT', url, payload: 'x', ...rest });
const post = (body: unknown, url = jobsUrl): InjectOptions => ({
  method: 'POST',
  url,
  payload: typeof body === 'string' ? body : JSON.stringify(body),
  headers: json,
});
const delivery = { url: 'https://example.com/' };

const paths: readonly BadRequest[] = [
  ['an unknown path', { url: '/v2' }, 404, 'ROUTE_NOT_FOUND'],
  ['an unknown path with a body', put('/v2'), 404, 'ROUTE_NOT_FOUND'],
  ['a wrong method', { method: 'POST', url: cacheUrl }, 405, 'METHOD_NOT_ALLOWED'],
  ['a broken percent-encoding', put('/v1/cache/prompts/%ff'), 400, 'URL_INVALID'],
  ['half a percent-encoding', put('/v1/cache/prompts/%2'), 400, 'URL_INVALID'],
  ['a key of 513 bytes', put(`/v1/cache/prompts/${'k'.repeat(513)}`), 400, 'KEY_INVALID', 'params.key'],
  ['a key of 257 two-byte letters', put(`/v1/cache/prompts/${'%C3%A4'.repeat(257)}`), 400, 'KEY_INVALID', 'params.key'],
  ['a key of 10 kB', put(`/v1/cache/prompts/${'k'.repeat(10_000)}`), 400, 'KEY_INVALID'],
  ['a namespace with other characters', put('/v1/cache/a%20b/key'), 400, 'KEY_INVALID', 'params.ns'],
  ['a namespace of 65 characters', put(`/v1/cache/${'n'.repeat(65)}/key`), 400, 'KEY_INVALID', 'params.ns'],
  ['a namespace that is not declared', put('/v1/cache/unheard-of/key'), 404, 'NAMESPACE_UNKNOWN'],
  ['a namespace called __proto__', { url: '/v1/namespaces/__proto__' }, 404, 'NAMESPACE_UNKNOWN'],
  ['an unknown queue', { url: '/v1/queues/nope' }, 404, 'QUEUE_UNKNOWN'],
  ['the schema of an unknown queue', { url: '/v1/queues/nope/schema' }, 404, 'QUEUE_UNKNOWN'],
  ['a job of an unknown queue', post({ data: {} }, '/v1/queues/nope/jobs'), 404, 'QUEUE_UNKNOWN'],
  ['an unknown job', { url: `${jobsUrl}/none` }, 404, 'JOB_NOT_FOUND'],
  ['an unknown source', { url: '/v1/sources/nope' }, 404, 'SOURCE_UNKNOWN'],
  ['a sync of an unknown source', { method: 'POST', url: '/v1/sources/nope/sync' }, 404, 'SOURCE_UNKNOWN'],
  ['an unknown item', { url: '/v1/sources/instances/items/none' }, 404, 'ITEM_NOT_FOUND'],
];

const queries: readonly BadRequest[] = [
  ['a TTL that is no duration', put(`${cacheUrl}?ttl=soon`), 400, 'REQUEST_INVALID', 'query.ttl'],
  ['a negative TTL', put(`${cacheUrl}?ttl=-5s`), 400, 'REQUEST_INVALID', 'query.ttl'],
  ['a TTL of 0', put(`${cacheUrl}?ttl=0`), 400, 'REQUEST_INVALID', 'query.ttl'],
  ['a TTL of more than a hundred years', put(`${cacheUrl}?ttl=36501d`), 400, 'REQUEST_INVALID', 'query.ttl'],
  ['a TTL given twice', put(`${cacheUrl}?ttl=5m&ttl=6m`), 400, 'REQUEST_INVALID', 'query.ttl'],
  ['an empty tag', put(`${cacheUrl}?tags=a,,b`), 400, 'TAG_INVALID', 'query.tags'],
  ['a tag with U+0000', put(`${cacheUrl}?tags=a,%00`), 400, 'REQUEST_INVALID', 'query.tags'],
  ['a prefix with U+0000', { url: '/v1/namespaces/prompts/keys?prefix=a%00b' }, 400, 'REQUEST_INVALID', 'query.prefix'],
  ['a name of jobs with U+0000', { url: `${jobsUrl}?name=a%00` }, 400, 'REQUEST_INVALID', 'query.name'],
  ['a query with half of a surrogate pair', { url: `${jobsUrl}?name=%ED%A0%80` }, 400, 'URL_INVALID'],
  ['a query that is not UTF-8', { url: '/v1/namespaces/prompts/keys?prefix=%ff' }, 400, 'URL_INVALID'],
  ['a query with half a percent-encoding', { url: `${jobsUrl}?name=100%` }, 400, 'URL_INVALID'],
  ['an unknown query parameter', put(`${cacheUrl}?tll=5m`), 400, 'REQUEST_INVALID', 'query.tll'],
  ['a query parameter where there are none', { url: '/v1/queues?x=1' }, 400, 'REQUEST_INVALID', 'query.x'],
  [
    'a limit that is no number',
    { url: '/v1/namespaces/prompts/keys?limit=many' },
    400,
    'REQUEST_INVALID',
    'query.limit',
  ],
  ['a limit of 0', { url: '/v1/namespaces/prompts/keys?limit=0' }, 400, 'REQUEST_INVALID', 'query.limit'],
  ['a made-up cursor', { url: '/v1/namespaces/prompts/keys?cursor=abc' }, 400, 'REQUEST_INVALID', 'query.cursor'],
  ['a made-up cursor of a source', { url: '/v1/sources/instances/items?cursor=%24%24' }, 400, 'SOURCE_CURSOR_INVALID'],
  ['a wait that is too long', { url: `${jobsUrl}/none?wait=31s` }, 400, 'REQUEST_INVALID', 'query.wait'],
  ['a wait that is no duration', { url: `${jobsUrl}/none?wait=a` }, 400, 'REQUEST_INVALID', 'query.wait'],
];

const bodies: readonly BadRequest[] = [
  ['broken JSON', post('{"data":'), 400, 'BODY_INVALID_JSON'],
  [
    'JSON that is not UTF-8',
    { method: 'POST', url: jobsUrl, payload: Buffer.from([0x22, 0xff, 0x22]), headers: json },
    400,
    'BODY_INVALID_JSON',
  ],
  ['JSON with __proto__', post('{"__proto__":{"x":1},"data":{}}'), 400, 'BODY_INVALID_JSON'],
  ['broken JSON as an entry', put(cacheUrl, { payload: '{', headers: json }), 400, 'BODY_INVALID_JSON'],
  ['no body', { method: 'POST', url: jobsUrl }, 400, 'REQUEST_INVALID', 'body'],
  ['a body that is no object', post([]), 400, 'REQUEST_INVALID', 'body'],
  ['a body without data', post({}), 400, 'REQUEST_INVALID', '/data'],
  ...['.', '..', 'a b', '17', 'wait'].map((jobId): BadRequest => [
    `the job id ${JSON.stringify(jobId)}`,
    post({ data: delivery, options: { jobId } }),
    400,
    'JOB_OPTIONS_INVALID',
    '/options/jobId',
  ]),
  ['an unknown field', post({ data: delivery, priority: 1 }), 400, 'REQUEST_INVALID', '/priority'],
  ['an unknown option', post({ data: delivery, options: { retries: 3 } }), 400, 'REQUEST_INVALID', '/options/retries'],
  [
    'attempts as text',
    post({ data: delivery, options: { attempts: '5' } }),
    400,
    'REQUEST_INVALID',
    '/options/attempts',
  ],
  [
    'a delay that is no duration',
    post({ data: delivery, options: { delay: 'soon' } }),
    400,
    'REQUEST_INVALID',
    '/options/delay',
  ],
  [
    'a job id with a colon',
    post({ data: delivery, options: { jobId: 'a:b' } }),
    400,
    'JOB_OPTIONS_INVALID',
    '/options/jobId',
  ],
  ['data without what the queue needs', post({ data: {} }), 422, 'JOB_INVALID', '/data/url'],
  ['data with an unknown field', post({ data: { ...delivery, colour: 1 } }), 422, 'JOB_INVALID', '/data/colour'],
  ['a body where none is taken', post({ now: true }, '/v1/sources/instances/sync'), 400, 'REQUEST_INVALID'],
];

const headers: readonly BadRequest[] = [
  [
    'a job as a form',
    {
      method: 'POST',
      url: jobsUrl,
      payload: 'data=1',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    },
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  [
    'a content type that is none',
    put(cacheUrl, { headers: { 'content-type': 'nonsense' } }),
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  ['a compressed entry', put(cacheUrl, { headers: { 'content-encoding': 'gzip' } }), 415, 'UNSUPPORTED_MEDIA_TYPE'],
  [
    'another condition than *',
    put(cacheUrl, { headers: { 'if-none-match': '"x"' } }),
    400,
    'REQUEST_INVALID',
    'headers.if-none-match',
  ],
  ['If-Match on a write', put(cacheUrl, { headers: { 'if-match': '*' } }), 400, 'REQUEST_INVALID', 'headers.if-match'],
];

/** What the Redis of the cache refuses, and memory does not know. */
export const badForRedis: readonly BadRequest[] = [
  [
    'a cursor that Redis cannot take',
    { url: '/v1/namespaces/prompts/keys?cursor=99999999999999999999' },
    400,
    'REQUEST_INVALID',
    'query.cursor',
  ],
];

export const badRequests: readonly BadRequest[] = [...paths, ...queries, ...bodies, ...headers];
