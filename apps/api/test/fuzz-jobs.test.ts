import { Consumer, listedStates, PermanentError, type QueueDefinition } from '@holdfast/queue';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Api } from './fixture.ts';
import { methods, startFuzzed } from './fuzz-fixture.ts';
import type { Fuzzed } from './fuzz-fixture.ts';
import { bodies, cursor, duration, encoded, goodJob, id, job, queue, scalar, text } from './fuzz-job-bodies.ts';

describe('whatever a client sends to the queues', () => {
  let fuzzed: Fuzzed;
  let api: Api;
  let consumer: Consumer;
  let call: Fuzzed['call'];
  beforeAll(async () => {
    fuzzed = await startFuzzed();
    ({ api, call } = fuzzed);
    consumer = new Consumer<QueueDefinition>({
      backend: api.runtime.parts.queues.backend,
      definition: api.runtime.parts.queues.queues.definition('http-delivery'),
      handler: async ({ id: of }) => {
        if (of.endsWith('1')) throw new PermanentError('no');
      },
    });
    await consumer.start();
  });
  afterAll(async () => {
    await consumer.close({ timeoutMs: 3000 });
    await fuzzed.close();
  });

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
    const { queues } = api.runtime.parts.queues;
    await queues.add('http-delivery', { data: { url: 'https://example.com/' }, options: { jobId: 'ended' } });
    await queues.get('http-delivery', 'ended', { waitMs: 30_000 });
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
        methods,
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
    expect((await call({ method: 'GET', url: '/health' })).json()).toMatchObject({ status: 'ok' });
    expect(api.log.filter((line) => line.includes('"INTERNAL"'))).toEqual([]);
    const keys = await fuzzed.keys();
    const { keyPrefix } = api.config.redis;
    const areas = ['http-delivery', 'source-sync'].map((name) => `${keyPrefix}:jobs:{${name}}:${name}:`);
    const others = keys.filter((key) => !areas.some((area) => key.startsWith(area)));
    expect(others.filter((key) => !key.startsWith(`${keyPrefix}:`) || key.includes('fuzz'))).toEqual([]);
  });
});
