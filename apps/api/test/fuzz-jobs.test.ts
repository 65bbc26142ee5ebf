import { Consumer, listedStates, PermanentError } from '@holdfast/queue';
import { startRedis } from '@holdfast/testing';
import type { RedisServer } from '@holdfast/testing';
import fc from 'fast-check';
import type { InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api } from './fixture.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 600 }),
  fc.stringMatching(/^[%:{}*?\\[\]./ \r\n\t-]{0,20}$/),
  fc.constantFrom(
    '.',
    '..',
    '',
    'meta',
    'wait',
    'events',
    'id',
    'repeat',
    '__proto__',
    'constructor',
    '\0',
    '1',
    'a:b',
  ),
);
const encoded = text.filter((value) => value.isWellFormed()).map((value) => encodeURIComponent(value));
/** Jobs that are there, and others. */
const id = fc.oneof(
  fc.integer({ min: 0, max: 40 }).map((n) => `fuzz-${n}`),
  encoded,
);
const queue = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('http-delivery', 'source-sync') },
  { weight: 1, arbitrary: encoded },
);
const duration = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom('1ms', '5m', '36500d', '-1s', 'none', '', null),
  text,
);
const scalar = fc.oneof(fc.integer(), fc.double(), fc.boolean(), fc.constant(null), text);
/** Of the form that the listings give out, with anything inside. */
const cursor = fc.oneof(
  encoded,
  fc
    .tuple(
      fc.constantFrom(...listedStates, 'paused'),
      fc.oneof(fc.integer().map(String), fc.double().map(String), text),
      text,
    )
    .map((parts) => Buffer.from(parts.join('\n')).toString('base64url')),
  fc.tuple(fc.integer(), text).map(([at, name]) => Buffer.from(`${at}.${name}`).toString('base64url')),
);
const options = fc.record(
  {
    jobId: fc.oneof(
      fc.integer({ min: 0, max: 40 }).map((n) => `fuzz-${n}`),
      text,
    ),
    priority: fc.oneof(fc.constantFrom('high', 'low'), scalar),
    delay: duration,
    attempts: fc.oneof(fc.integer({ min: 1, max: 3 }), scalar),
    timeout: duration,
    waitingTtl: duration,
    backoff: fc.oneof(fc.record({ type: fc.constantFrom('fixed', 'exponential', 'x'), delay: duration }), scalar),
    deduplication: fc.oneof(
      fc.record(
        {
          id: text,
          mode: fc.constantFrom('simple', 'throttle', 'debounce', 'keepLastIfActive', 'reschedule', 'x'),
          ttl: duration,
        },
        { requiredKeys: ['id'] },
      ),
      scalar,
    ),
    other: scalar,
  },
  { requiredKeys: [] },
);
const goodOptions = fc.record(
  {
    jobId: fc.integer({ min: 0, max: 40 }).map((n) => `fuzz-${n}`),
    delay: fc.constantFrom(0, '1h', '5ms'),
    deduplication: fc.record({ id: fc.constantFrom('a', 'b'), ttl: fc.constantFrom('1s', 50) }),
  },
  { requiredKeys: [] },
);
const data = fc.oneof(fc.constant({ url: 'https://example.com/' }), fc.jsonValue({ maxDepth: 2 }));
const job = fc.record(
  { name: fc.oneof(text, fc.constant('n')), data, options: fc.oneof(options, goodOptions, scalar) },
  { requiredKeys: ['data'] },
);
const goodJob = fc.record({ data: fc.constant({ url: 'https://example.com/' }), options: goodOptions });
const idList = fc.oneof(fc.array(fc.oneof(fc.constantFrom('fuzz-1', 'fuzz-2'), text), { maxLength: 8 }), scalar);
const limit = fc.oneof(fc.integer({ min: 1, max: 20 }), scalar);

const bodies: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  jobs: fc.oneof(goodJob, job),
  'jobs/bulk': fc.record(
    {
      jobs: fc.oneof(fc.array(fc.oneof(goodJob, job, fc.jsonValue({ maxDepth: 1 })), { maxLength: 12 }), scalar),
      spread: duration,
    },
    { requiredKeys: ['jobs'] },
  ),
  clean: fc.record(
    {
      state: fc.oneof(fc.constantFrom('completed', 'failed', 'delayed', 'prioritized', 'active'), text),
      olderThan: duration,
      limit,
    },
    { requiredKeys: ['state'] },
  ),
  drain: fc.record({ delayed: fc.oneof(fc.boolean(), scalar) }, { requiredKeys: [] }),
  'dead-letters/redrive': fc.record({ ids: idList, limit }, { requiredKeys: [] }),
  'dead-letters/clean': fc.record({ ids: idList, limit, olderThan: duration }, { requiredKeys: [] }),
  pause: fc.jsonValue({ maxDepth: 1 }),
  resume: fc.jsonValue({ maxDepth: 1 }),
};

describe('whatever a client sends to the queues', () => {
  let redis: RedisServer;
  let api: Api;
  let consumer: Consumer;
  beforeAll(async () => {
    redis = await startRedis();
    api = await startApi({ env: { REDIS_URL: redis.url } });
    consumer = new Consumer({
      backend: api.runtime.queueBackend,
      definition: api.runtime.queues.definition('http-delivery'),
      handler: async ({ id: of }) => {
        if (of.endsWith('1')) throw new PermanentError('no');
      },
    });
    await consumer.start();
  });
  afterAll(async () => {
    await consumer.close({ timeoutMs: 3000 });
    await api.close();
    await redis.stop();
  });

  const call = async (request: InjectOptions) => {
    const answer = await api.app.inject(request);
    const what = `${request.method} ${JSON.stringify(request.url)} ${JSON.stringify(request.payload)} ${answer.payload}`;
    expect(answer.statusCode, what.slice(0, 3000)).toBeLessThan(500);
    if (answer.statusCode >= 400) expect(answer.headers['content-type'], what).toContain('application/problem+json');
    return answer;
  };

  it.each(Object.keys(bodies))('bodies of %s give no 5xx', async (route) => {
    const body = fc.oneof(
      { weight: 9, arbitrary: bodies[route] ?? fc.jsonValue() },
      { weight: 1, arbitrary: fc.jsonValue() },
    );
    await fc.assert(
      fc.asyncProperty(queue, body, async (name, payload) => {
        const answer = await call({
          method: 'POST',
          url: `/v1/queues/${name}/${route}`,
          headers: { 'content-type': 'application/json' },
          payload: JSON.stringify(payload),
        });
        if (route !== 'jobs/bulk' || answer.statusCode !== 200) return;
        const { accepted, duplicates, rejected, items } = answer.json<{
          accepted: number;
          duplicates: number;
          rejected: number;
          items: { index: number }[];
        }>();
        expect(accepted + duplicates + rejected).toBe((payload as { jobs: [] }).jobs.length);
        expect(items.map(({ index }) => index)).toEqual([...items.keys()]);
      }),
      { numRuns: 120 },
    );
  });

  it('ids, states, names, limits and cursors give no 5xx', async () => {
    await call({ method: 'POST', url: '/v1/queues/http-delivery/resume' });
    const state = fc.oneof(fc.constantFrom(...listedStates), encoded);
    const size = fc.oneof(fc.integer({ min: -1, max: 1001 }).map(String), encoded);
    await fc.assert(
      fc.asyncProperty(queue, id, state, cursor, size, encoded, async (name, job_, of, at, count, other) => {
        const base = `/v1/queues/${name}`;
        for (const url of [
          `${base}/jobs?state=${of}&limit=${count}`,
          `${base}/jobs?cursor=${at}`,
          `${base}/jobs?state=${of}&cursor=${at}&name=${other}`,
          `${base}/jobs?${other}=${at}`,
          `${base}/dead-letters?cursor=${at}&limit=${count}`,
          `${base}/jobs/${job_}`,
          base,
        ]) {
          await call({ method: 'GET', url });
        }
        for (const action of ['retry', 'promote', 'cancel']) {
          await call({ method: 'POST', url: `${base}/jobs/${job_}/${action}` });
        }
        await call({ method: 'DELETE', url: `${base}/jobs/${job_}` });
        await call({ method: 'GET', url: `${base}/schedules/${job_}` });
        await call({ method: 'DELETE', url: `${base}/schedules/${job_}` });
      }),
      { numRuns: 100 },
    );
  });

  it('schedules give no 5xx', async () => {
    const when = fc.record(
      {
        pattern: fc.oneof(fc.constantFrom('0 2 * * *', '* * * * * *', '0 0 30 2 *', '60 * * * *', '@daily', 'L'), text),
        tz: fc.oneof(fc.constantFrom('UTC', 'Europe/Berlin', 'Nowhere/Else'), text),
        every: duration,
        paused: fc.oneof(fc.boolean(), scalar),
        job,
        other: scalar,
      },
      { requiredKeys: ['job'] },
    );
    const good = fc.record({ every: fc.constantFrom('1h', '365d'), paused: fc.boolean(), job: goodJob });
    await fc.assert(
      fc.asyncProperty(queue, id, fc.oneof(when, good), async (name, schedule, payload) => {
        const url = `/v1/queues/${name}/schedules/${schedule}`;
        const headers = { 'content-type': 'application/json' };
        await call({ method: 'PUT', url, headers, payload: JSON.stringify(payload) });
        await call({ method: 'GET', url: `/v1/queues/${name}/schedules` });
      }),
      { numRuns: 100 },
    );
  });

  it('the places where streams of events go on give no 5xx', async () => {
    const { queues } = api.runtime;
    await queues.add('http-delivery', { data: { url: 'https://example.com/' }, options: { jobId: 'ended' } });
    await queues.get('http-delivery', 'ended', { waitMs: 10_000 });
    const place = fc.oneof(
      fc.stringMatching(/^[\x20-\x7e]{0,70}$/),
      fc.stringMatching(/^\d{1,20}(-\d{1,20})?(\.\d{1,10})?(\.end)?$/),
    );
    await fc.assert(
      fc.asyncProperty(place, encoded, async (lastEventId, other) => {
        const headers = { 'last-event-id': lastEventId };
        for (const of of ['ended', `absent${other}`]) {
          await call({ method: 'GET', url: `/v1/queues/http-delivery/jobs/${of}/events`, headers });
        }
      }),
      { numRuns: 100 },
    );
  });

  it('headers and methods give no 5xx', async () => {
    const names = fc.constantFrom(
      'content-type',
      'content-encoding',
      'accept',
      'expect',
      'idempotency-key',
      'if-match',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(names, fc.stringMatching(/^[\x20-\x7e]{0,60}$/)),
        fc.constantFrom('GET', 'PUT', 'DELETE', 'POST', 'HEAD', 'PATCH', 'OPTIONS'),
        fc.uint8Array({ maxLength: 40 }),
        async (headers, method, bytes) => {
          for (const path of [
            'jobs',
            'jobs/bulk',
            'jobs/absent',
            'jobs/absent/retry',
            'clean',
            'dead-letters/redrive',
          ]) {
            await call({
              method,
              url: `/v1/queues/http-delivery/${path}`,
              headers,
              ...(method === 'GET' || method === 'HEAD' ? {} : { payload: Buffer.from(bytes) }),
            });
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('no key has left the areas that are ours, and the service is well', async () => {
    const keys = (await redis.command('KEYS', '*')) as string[];
    const { keyPrefix } = api.config.redis;
    const areas = ['http-delivery', 'source-sync'].map((name) => `${keyPrefix}:jobs:{${name}}:${name}:`);
    const others = keys.filter((key) => !areas.some((area) => key.startsWith(area)));
    expect(others.filter((key) => !key.startsWith(`${keyPrefix}:`) || key.includes('fuzz'))).toEqual([]);
    expect(api.log.filter((line) => line.includes('"INTERNAL"'))).toEqual([]);
    expect((await call({ method: 'GET', url: '/health' })).json()).toMatchObject({ status: 'ok' });
  });
});
