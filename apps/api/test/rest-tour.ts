/** One call of the tour, and what it was answered. */
export interface Stop {
  /** As the document names it: `GET /v1/cache/{ns}/{key}`. */
  readonly operation: string;
  readonly status: number;
  /** Of a problem. */
  readonly code: string | undefined;
  readonly body: unknown;
}

type Call = readonly [operation: string, path?: string, body?: object];

const job = { url: 'https://example.com/hook' };

/** In an order in which each finds what it is about. */
const calls: readonly Call[] = [
  ['GET /'],
  ['GET /openapi.json'],
  ['GET /metrics'],
  ['GET /health/live'],
  ['GET /health/ready'],
  ['GET /health'],
  ['GET /api/health'],
  ['GET /api/health/redis'],
  ['GET /api/batches/stats'],
  ['GET /api/admin/redis/metrics'],
  ['GET /api/integrations/status'],

  ['PUT /v1/cache/{ns}/{key}', '/v1/cache/prompts/user:42?ttl=5m&tags=creator:7', { name: 'Ada' }],
  ['GET /v1/cache/{ns}/{key}', '/v1/cache/prompts/user:42'],
  [
    'POST /v1/cache/{ns}/bulk/set',
    '/v1/cache/prompts/bulk/set',
    {
      items: [
        { key: 'a', value: 1 },
        { key: 'b', value: 2, tags: ['t'] },
      ],
    },
  ],
  ['POST /v1/cache/{ns}/bulk/get', '/v1/cache/prompts/bulk/get', { keys: ['user:42', 'a', 'b'] }],
  ['POST /v1/cache/{ns}/sync', '/v1/cache/prompts/sync', { updates: [{ key: 'c', value: 3 }], deletions: ['a'] }],
  ['POST /v1/cache/{ns}/invalidate', '/v1/cache/prompts/invalidate', { tags: ['t'] }],
  ['POST /v1/cache/{ns}/invalidate', '/v1/cache/prompts/invalidate', { prefix: 'c' }],
  ['POST /v1/entities/{type}/{id}/invalidate', '/v1/entities/creator/7/invalidate'],
  ['GET /v1/namespaces'],
  ['GET /v1/namespaces/{ns}', '/v1/namespaces/prompts'],
  ['GET /v1/namespaces/{ns}/top', '/v1/namespaces/prompts/top?limit=3'],
  ['GET /v1/namespaces/{ns}/keys', '/v1/namespaces/prompts/keys?prefix=user:'],
  ['POST /v1/cache/{ns}/bulk/delete', '/v1/cache/prompts/bulk/delete', { keys: ['b'] }],
  ['DELETE /v1/cache/{ns}/{key}', '/v1/cache/prompts/user:42'],
  ['GET /api/cache/stats'],

  ['GET /v1/queues'],
  ['GET /v1/queues/{q}', '/v1/queues/http-delivery'],
  ['GET /v1/queues/{q}/schema', '/v1/queues/http-delivery/schema'],
  ['POST /v1/queues/{q}/pause', '/v1/queues/http-delivery/pause'],
  [
    'POST /v1/queues/{q}/jobs',
    '/v1/queues/http-delivery/jobs',
    { data: job, options: { delay: '1h', jobId: 'hook-1' } },
  ],
  ['POST /v1/queues/{q}/jobs/bulk', '/v1/queues/http-delivery/jobs/bulk', { jobs: [{ data: job }, { data: job }] }],
  ['GET /v1/queues/{q}/jobs', '/v1/queues/http-delivery/jobs?state=delayed&limit=10'],
  ['GET /v1/queues/{q}/jobs/{id}', '/v1/queues/http-delivery/jobs/hook-1'],
  ['POST /v1/queues/{q}/jobs/{id}/promote', '/v1/queues/http-delivery/jobs/hook-1/promote'],
  ['POST /v1/queues/{q}/jobs/{id}/cancel', '/v1/queues/http-delivery/jobs/hook-1/cancel', { reason: 'not needed' }],
  ['GET /v1/queues/{q}/jobs/{id}/events', '/v1/queues/http-delivery/jobs/hook-1/events'],
  ['POST /v1/queues/{q}/jobs/{id}/retry', '/v1/queues/http-delivery/jobs/hook-1/retry'],
  ['GET /v1/queues/{q}/dead-letters', '/v1/queues/http-delivery/dead-letters?limit=10'],
  ['POST /v1/queues/{q}/dead-letters/redrive', '/v1/queues/http-delivery/dead-letters/redrive', { limit: 10 }],
  [
    'POST /v1/queues/{q}/dead-letters/clean',
    '/v1/queues/http-delivery/dead-letters/clean',
    { olderThan: '7d', limit: 100 },
  ],
  ['DELETE /v1/queues/{q}/jobs/{id}', '/v1/queues/http-delivery/jobs/hook-1'],
  [
    'PUT /v1/queues/{q}/schedules/{id}',
    '/v1/queues/http-delivery/schedules/nightly',
    { pattern: '0 3 * * *', job: { data: job } },
  ],
  ['GET /v1/queues/{q}/schedules', '/v1/queues/http-delivery/schedules'],
  ['GET /v1/queues/{q}/schedules/{id}', '/v1/queues/http-delivery/schedules/nightly'],
  ['DELETE /v1/queues/{q}/schedules/{id}', '/v1/queues/http-delivery/schedules/nightly'],
  ['POST /v1/queues/{q}/drain', '/v1/queues/http-delivery/drain', { delayed: true }],
  ['POST /v1/queues/{q}/clean', '/v1/queues/http-delivery/clean', { state: 'completed', olderThan: '1d' }],
  ['POST /v1/queues/{q}/resume', '/v1/queues/http-delivery/resume'],

  ['GET /v1/sources'],
  ['GET /v1/sources/{s}', '/v1/sources/instances'],
  ['GET /v1/sources/{s}/items', '/v1/sources/instances/items?limit=10'],
  ['GET /v1/sources/{s}/items/{id}', '/v1/sources/instances/items/7'],
  ['POST /v1/sources/{s}/sync', '/v1/sources/instances/sync'],
];

/** Calls every operation of the service at `url` once or more; whoever takes the tour looks at the answers. */
export async function takeTour(url: string): Promise<readonly Stop[]> {
  const stops: Stop[] = [];
  for (const [operation, path, body] of calls) {
    const [method = '', template = ''] = operation.split(' ');
    const answer = await fetch(url + (path ?? template), {
      method,
      ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const isJson = answer.headers.get('content-type')?.includes('json') === true;
    const read: unknown = isJson ? await answer.json() : undefined;
    if (!isJson) await readSome(answer);
    const { code } = (isJson ? read : {}) as { readonly code?: string };
    stops.push({ operation, status: answer.status, code, body: read });
  }
  return stops;
}

/** The operations of the document that the tour leaves out. */
export async function leftOut(url: string): Promise<readonly string[]> {
  const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: Record<string, object> };
  const called = new Set(calls.map(([operation]) => operation));
  return Object.entries(paths)
    .flatMap(([path, operations]) => Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`))
    .filter((operation) => !called.has(operation));
}

/** A stream of events may go on for long. @throws where it breaks off before its first piece */
async function readSome({ body }: Response): Promise<void> {
  const reader = body?.getReader();
  await reader?.read();
  await reader?.cancel();
}
