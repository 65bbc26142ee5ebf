import { Readable } from 'node:stream';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Api } from './fixture.ts';
import { encodedOf, methods, startFuzzed } from './fuzz-fixture.ts';
import type { Fuzzed } from './fuzz-fixture.ts';

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string({ unit: 'grapheme', maxLength: 600 }),
  fc.stringMatching(/^[%:{}*?\\[\]./ \r\n\0-]{0,20}$/),
  fc.constantFrom('.', '..', '', '__proto__', 'constructor', '%00', '*', '{x}', ':', '../..'),
);
/** A lone surrogate cannot be written into a URL. */
const encodable = anyText.filter((value) => value.isWellFormed());
const headerValue = fc.stringMatching(/^[\x20-\x7e]{0,100}$/);

describe('whatever a client sends', () => {
  let fuzzed: Fuzzed;
  let api: Api;
  let call: Fuzzed['call'];
  beforeAll(async () => {
    fuzzed = await startFuzzed();
    ({ api, call } = fuzzed);
  });
  afterAll(() => fuzzed.close());

  it('a key that is accepted comes back, and none gives a 5xx', async () => {
    await fc.assert(
      fc.asyncProperty(encodable, fc.uint8Array({ maxLength: 64 }), async (key, bytes) => {
        const url = `/v1/cache/prompts/${encodeURIComponent(key)}`;
        const put = await call({ method: 'PUT', url, payload: Buffer.from(bytes) });
        if (put.statusCode > 299) return;
        const read = await api.app.inject(url);
        expect(read.rawPayload.equals(Buffer.from(bytes))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('namespaces, TTLs, tags, cursors, ids and waits never give a 5xx', async () => {
    const part = encodedOf(anyText);
    await fc.assert(
      fc.asyncProperty(part, part, async (a, b) => {
        const requests = [
          { method: 'PUT', url: `/v1/cache/${a}/${b}` },
          { method: 'PUT', url: `/v1/cache/prompts/k?ttl=${a}&tags=${b}` },
          { method: 'PUT', url: `/v1/cache/prompts/k?${a}=${b}` },
          { method: 'GET', url: `/v1/namespaces/${a}/keys?prefix=${b}` },
          { method: 'GET', url: `/v1/namespaces/prompts/keys?cursor=${a}&limit=${b}` },
          { method: 'GET', url: `/v1/queues/${a}/jobs/${b}` },
          { method: 'GET', url: `/v1/queues/http-delivery/jobs/${a}?wait=${b}` },
          { method: 'GET', url: `/v1/sources/${a}/items/${b}` },
          { method: 'GET', url: `/v1/sources/instances/items/${a}` },
          { method: 'GET', url: `/v1/sources/instances/items?cursor=${a}` },
          { method: 'DELETE', url: `/${a}/${b}` },
        ] as const;
        for (const request of requests) await call(request);
      }),
      // One that is taken, so that the keys of tags are there in every run.
      { numRuns: 150, examples: [['5m', 'group']] },
    );
  });

  it('headers never give a 5xx', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(
          fc.constantFrom(
            'content-type',
            'content-encoding',
            'if-none-match',
            'if-match',
            'x-request-id',
            'authorization',
            'accept',
            'accept-version',
          ),
          headerValue,
        ),
        methods,
        async (headers, method) => {
          const payload = method === 'PUT' || method === 'POST' ? '{}' : undefined;
          for (const url of ['/v1/cache/prompts/h', '/v1/queues/http-delivery/jobs', '/v1/queues']) {
            const answer = await api.app.inject({
              method,
              url,
              headers,
              ...(payload && { payload: Readable.from(payload) }),
            });
            expect(answer.statusCode, `${method} ${url} ${answer.payload}`).toBeLessThan(500);
            expect(answer.headers['x-request-id']).toBeTruthy();
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('job bodies never give a 5xx', async () => {
    const option = fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.integer(), fc.constantFrom('5s', 'high', '1ms'));
    const body = fc.oneof(
      fc.jsonValue(),
      fc.record({
        data: fc.oneof(fc.jsonValue(), fc.constant({ url: 'https://example.com/' })),
        name: fc.oneof(fc.string(), fc.constant('n')),
        options: fc.dictionary(
          fc.constantFrom('jobId', 'priority', 'delay', 'attempts', 'backoff', 'timeout'),
          fc.oneof(option, encodable),
          { maxKeys: 2 },
        ),
      }),
    );
    await fc.assert(
      fc.asyncProperty(body, async (value) => {
        await call({
          method: 'POST',
          url: '/v1/queues/http-delivery/jobs',
          headers: { 'content-type': 'application/json' },
          payload: JSON.stringify(value),
        });
      }),
      { numRuns: 300 },
    );
  });

  it('no key has left the areas that are ours', async () => {
    const keys = await fuzzed.keys();
    const { keyPrefix } = api.config.redis;
    expect(keys.length).toBeGreaterThan(100);
    const ours = [
      'cache:prompts:',
      'tags:{prompts}',
      'access:{prompts}:',
      'jobs:{http-delivery}:http-delivery:',
      'jobs:{workers}:hf:',
    ];
    const isOurs = (key: string): boolean => ours.some((area) => key.startsWith(`${keyPrefix}:${area}`));
    expect(keys.filter((key) => !isOurs(key))).toEqual([]);
  });
});
