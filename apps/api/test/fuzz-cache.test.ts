import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Api } from './fixture.ts';
import { encodedOf, methods, startFuzzed, textOr } from './fuzz-fixture.ts';
import type { Fuzzed } from './fuzz-fixture.ts';

const text = textOr('*', '{x}', ':', '../..', '%2e%2e', '\u{1f600}');
const known = fc.constantFrom('prompts', 'user', 'asset', 'instances', 'aesthetics');
const ttl = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom('5m', '1ms', 'none', '0', '36500d', '-1s', '1e9', '', 'NaN', null, true),
  text,
);
const oddItem = fc.record(
  {
    key: fc.oneof(text, fc.jsonValue({ maxDepth: 1 })),
    value: fc.jsonValue({ maxDepth: 3 }),
    bytes: fc.oneof(text, fc.base64String({ maxLength: 40 })),
    contentType: fc.oneof(text, fc.constantFrom('text/plain', 'application/json', 'a/b+json; x')),
    ttl,
    tags: fc.oneof(fc.array(text, { maxLength: 70 }), fc.jsonValue({ maxDepth: 1 })),
    other: fc.boolean(),
  },
  { requiredKeys: [] },
);
const goodItem = fc.record({ key: text, value: fc.jsonValue({ maxDepth: 2 }), ttl: fc.constantFrom('5m', 60_000) });
const items = fc.oneof(fc.array(goodItem, { maxLength: 12 }), fc.array(fc.oneof(goodItem, oddItem), { maxLength: 12 }));
const keys = fc.oneof(
  fc.array(text, { maxLength: 12 }),
  fc.array(fc.oneof(text, fc.jsonValue({ maxDepth: 1 })), { maxLength: 12 }),
);

const bodies: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  invalidate: fc.record(
    {
      tags: fc.oneof(fc.array(text, { maxLength: 70 }), fc.jsonValue({ maxDepth: 1 })),
      prefix: text,
      all: fc.boolean(),
      mode: fc.oneof(fc.constantFrom('delete', 'expire'), text),
    },
    { requiredKeys: [] },
  ),
  'bulk/get': fc.record({ keys }, { requiredKeys: [] }),
  'bulk/set': fc.record({ items, batchSize: fc.oneof(fc.constant(20), fc.integer()) }, { requiredKeys: ['items'] }),
  'bulk/delete': fc.record({ keys }),
  sync: fc.record({ updates: items, deletions: keys }),
};

describe('whatever a client sends to the cache', () => {
  let fuzzed: Fuzzed;
  let api: Api;
  let call: Fuzzed['call'];
  beforeAll(async () => {
    fuzzed = await startFuzzed();
    ({ api, call } = fuzzed);
  });
  afterAll(() => fuzzed.close());

  it.each(Object.keys(bodies))('bodies of %s give no 5xx', async (route) => {
    const body = fc.oneof(
      { weight: 9, arbitrary: bodies[route] ?? fc.jsonValue() },
      { weight: 1, arbitrary: fc.jsonValue() },
    );
    await fc.assert(
      fc.asyncProperty(known, body, async (namespace, payload) => {
        const answer = await call({
          method: 'POST',
          url: `/v1/cache/${namespace}/${route}`,
          headers: { 'content-type': 'application/json' },
          payload: JSON.stringify(payload),
        });
        if (answer.statusCode !== 200) return;
        if (route === 'bulk/get') {
          const asked = (payload as { keys: string[] }).keys.map((key) => key.toWellFormed());
          const { items: got } = answer.json<{ items: { key: string }[] }>();
          expect(got.map(({ key }) => key.toWellFormed())).toEqual(asked);
        } else if (route !== 'invalidate') {
          const { successful, failed, errors } = answer.json<{ successful: number; failed: number; errors: [] }>();
          expect(failed).toBe(errors.length);
          expect(successful).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('namespaces, ids and queries give no 5xx', async () => {
    const part = encodedOf(text);
    await fc.assert(
      fc.asyncProperty(part, part, async (a, b) => {
        for (const url of [
          `/v1/namespaces/${a}/top?limit=${b}`,
          `/v1/namespaces/prompts/top?${a}=${b}`,
          `/v1/namespaces/${a}`,
          `/v1/cache/${a}/${b}`,
          `/api/cache/stats?${a}=${b}`,
          `/api/health?${a}`,
          `/?${a}=${b}`,
        ]) {
          await call({ method: 'GET', url });
          await call({ method: 'HEAD', url });
        }
        for (const url of [
          `/v1/entities/${a}/${b}/invalidate`,
          `/v1/entities/asset/${b}/invalidate`,
          `/v1/cache/${a}/bulk/get`,
          `/v1/cache/${a}/${b}/get`,
        ]) {
          await call({ method: 'POST', url, payload: { keys: [a, b] } });
        }
      }),
      { numRuns: 100 },
    );
  });

  it('headers and methods give no 5xx', async () => {
    const header = fc.stringMatching(/^[\x20-\x7e]{0,60}$/);
    const names = fc.constantFrom('content-type', 'content-encoding', 'if-none-match', 'if-match', 'accept', 'expect');
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(names, header),
        methods,
        fc.uint8Array({ maxLength: 40 }),
        async (headers, method, bytes) => {
          for (const url of [
            '/v1/cache/prompts/bulk/set',
            '/v1/cache/prompts/invalidate',
            '/v1/cache/prompts/h',
            '/',
          ]) {
            await call({
              method,
              url,
              headers,
              ...(method === 'GET' || method === 'HEAD' ? {} : { payload: Buffer.from(bytes) }),
            });
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('no key has left the areas that are ours, and the service is well', async () => {
    expect((await call({ method: 'GET', url: '/health' })).json()).toMatchObject({ status: 'ok' });
    expect(api.log.filter((line) => line.includes('"INTERNAL"'))).toEqual([]);
    const { keyPrefix } = api.config.redis;
    const found = await fuzzed.keys();
    expect(found.length).toBeGreaterThan(50);
    const areas = ['cache:', 'lease:', 'tags:', 'access:', 'size:', 'repair:', 'jobs:{workers}:hf:'];
    const isOurs = (key: string): boolean => areas.some((area) => key.startsWith(`${keyPrefix}:${area}`));
    expect(found.filter((key) => !isOurs(key))).toEqual([]);
    // An encoded key holds no separator: each has one namespace, which is declared, and one key.
    const entries = found.filter((key) => key.startsWith(`${keyPrefix}:cache:`)).map((key) => key.split(':'));
    expect(new Set(entries.map((parts) => parts.length))).toEqual(new Set([4]));
    for (const [, , namespace = ''] of entries) expect(api.runtime.parts.cache.caches.names()).toContain(namespace);
  });
});
