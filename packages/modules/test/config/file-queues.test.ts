import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { presetQueues } from '../../src/queues/config/preset-queues.ts';
import { load, loadError, problemPaths } from './load.ts';

const webhookSecret = (text: string): string => `whsec_${Buffer.from(text).toString('base64')}`;

describe('the queues of holdfast.yaml', () => {
  it('overrides the policy of a built-in queue', () => {
    const { byName: queues } = load(
      {},
      'queues: {http-delivery: {attempts: 5, timeout: 15s, retention: {failed: {count: 9, age: 1d}}}}',
    ).queues;
    expect(queues).toEqual({
      'http-delivery': { attempts: 5, timeoutMs: 15_000, retention: { failed: { count: 9, ageMs: 86_400_000 } } },
    });
  });

  it('adds queues of its own, which are delivered to a URL', () => {
    const yaml = `
queues:
  invoices:
    description: Prints invoices.
    url: http://printer.internal:8080/print
    method: PUT
    headers: { x-team: billing }
    secrets: [INVOICE_SECRET, INVOICE_SECRET_OLD]
    failureUrl: http://printer.internal:8080/failed
    attempts: 4
    maxCrashes: 5
    backoff: { type: exponential, delay: 2s, maxDelay: 5m, jitter: 0.2 }
    priority: low
    timeout: 20s
    concurrency: 3
    rateLimit: { max: 10, per: 1s }
    waitingTtl: 1h
    coalesce: { field: invoices, maxItems: 5, maxWait: 20ms }
    retention: { completed: { count: 10 }, failed: { age: 7d } }
    payload: { type: object, properties: { invoice: { type: string } }, required: [invoice], additionalProperties: false }
    schedule: { pattern: "0 6 * * 1-5", tz: Europe/Berlin, data: { invoice: all } }
  pings: { url: "https://example.com/ping", schedule: { every: 1m } }
`;
    const env = {
      INVOICE_SECRET: webhookSecret('of the invoices, as it is today'),
      INVOICE_SECRET_OLD: webhookSecret('of the invoices, as it was then'),
      WORKER_QUEUES: 'invoices,source-sync',
    };
    const { byName: queues, served } = load(env, yaml).queues;
    expect(served).toEqual(['invoices', 'source-sync']);
    expect(queues).toEqual({
      invoices: {
        description: 'Prints invoices.',
        attempts: 4,
        maxCrashes: 5,
        backoff: { type: 'exponential', delayMs: 2000, maxDelayMs: 300_000, jitter: 0.2 },
        priority: 'low',
        timeoutMs: 20_000,
        concurrency: 3,
        rateLimit: { max: 10, durationMs: 1000 },
        waitingTtlMs: 3_600_000,
        coalesce: { field: 'invoices', maxItems: 5, maxWaitMs: 20 },
        retention: { completed: { count: 10 }, failed: { ageMs: 604_800_000 } },
        payload: {
          type: 'object',
          properties: { invoice: { type: 'string' } },
          required: ['invoice'],
          additionalProperties: false,
        },
        schedule: { pattern: '0 6 * * 1-5', tz: 'Europe/Berlin', data: { invoice: 'all' } },
        delivery: {
          url: 'http://printer.internal:8080/print',
          method: 'PUT',
          headers: { 'x-team': 'billing' },
          secrets: [env.INVOICE_SECRET, env.INVOICE_SECRET_OLD],
          failureUrl: 'http://printer.internal:8080/failed',
        },
      },
      pings: {
        schedule: { everyMs: 60_000, data: {} },
        delivery: { url: 'https://example.com/ping', method: 'POST', headers: {} },
      },
    });
  });

  it('knows the policy of some queues, which are there once they have a URL', () => {
    const yaml = `
queues:
  product-refresh: { url: "http://shop.internal/refresh", attempts: 7, retention: { failed: { count: 30 } } }
  embedding-computation: { url: "http://shop.internal/embed" }
`;
    const { byName: queues } = load({}, yaml).queues;
    expect(Object.keys(queues)).toEqual(['product-refresh', 'embedding-computation']);
    const { 'product-refresh': refresh, 'embedding-computation': embedding } = presetQueues;
    expect(queues['product-refresh']).toMatchObject({
      ...refresh,
      attempts: 7,
      retention: { ...refresh?.retention, failed: { count: 30 } },
      delivery: { url: 'http://shop.internal/refresh' },
    });
    expect(queues['embedding-computation']).toMatchObject({ ...embedding });
    expect(loadError({}, 'queues: {analytics-processing: {}}').problems[0]?.path).toBe('queues.analytics-processing');
  });

  it('names every problem of a queue, each with its path, and no secret', () => {
    const yaml = `
queues:
  Wrong_Name: { url: "https://example.com" }
  bad:
    url: ftp://example.com
    attempts: 0
  worse:
    url: https://user:pass@example.com/
  queue:
    url: https://example.com/
    secrets: [UNSET_SECRET, SHORT_SECRET, NOVITA_API_KEY]
    timeout: 25h
    backoff: { type: linear, delay: 1s }
    retention: { failed: { age: 10ms } }
    rateLimit: { max: 5 }
    coalesce: { field: a, maxItems: 5, maxWait: 2m }
    schedule: { every: 1s, pattern: "* * * * *", tz: Mars/Base }
    payload: { type: objekt, properties: { a: { minimum: x }, b: { pattern: "(" } }, requird: [a] }
  source-sync: { url: "https://example.com/" }
`;
    const error = loadError({ SHORT_SECRET: 'too-short', NOVITA_API_KEY: 'swordfish' }, yaml);
    expect(error.problems.map(({ path }) => path).toSorted()).toEqual(
      [
        'queues.Wrong_Name',
        'queues.bad.url',
        'queues.bad.attempts',
        'queues.worse.url',
        'queues.queue.secrets.0',
        'SHORT_SECRET',
        'queues.queue.secrets.2',
        'queues.queue.timeout',
        'queues.queue.backoff.type',
        'queues.queue.retention.failed.age',
        'queues.queue.rateLimit.per',
        'queues.queue.coalesce.maxWait',
        'queues.queue.schedule',
        'queues.queue.schedule.tz',
        'queues.queue.payload.type',
        'queues.queue.payload.properties.a.minimum',
        'queues.queue.payload.properties.b.pattern',
        'queues.queue.payload.requird',
        'queues.source-sync.url',
      ].toSorted(),
    );
    expect(error.message).not.toMatch(/too-short|swordfish|pass@/);
  });
});

describe('the queues that files beside holdfast.yaml define', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'holdfast-files-'));
    mkdirSync(join(directory, 'my-handlers/node_modules'), { recursive: true });
    for (const file of [
      'mail.queue.ts',
      'mail.handler.ts',
      'mail.handler.test.ts',
      'smtp.ts',
      'node_modules/x.queue.js',
    ]) {
      // Nothing is read to know the names.
      writeFileSync(join(directory, 'my-handlers', file), 'nonsense(');
    }
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const handlers = (more = ''): string => `handlers: ${directory}/my-handlers/**/*.ts\n${more}`;

  it('are known by name before anything is imported', () => {
    const { own, served } = load({ WORKER_QUEUES: 'mail' }, handlers()).queues;
    const at = (file: string): string => join(directory, 'my-handlers', file);
    expect(own).toEqual({
      names: ['mail'],
      pairs: [{ name: 'mail', queueFile: at('mail.queue.ts'), handlerFile: at('mail.handler.ts') }],
      problems: [],
    });
    expect(served).toEqual(['mail']);
  });

  it('may have their policy changed, and nothing that their files say', () => {
    const { byName } = load(
      {},
      handlers('queues: { mail: { attempts: 5, retention: { failed: { age: 1d } } } }'),
    ).queues;
    expect(byName).toEqual({ mail: { attempts: 5, retention: { failed: { ageMs: 86_400_000 } } } });
    const wrong = handlers('queues: { mail: { payload: { type: object }, schedule: { every: 1m } } }');
    expect(problemPaths({}, wrong)).toEqual(['queues.mail.payload', 'queues.mail.schedule']);
  });

  it('are among those that somebody is told of who has misspelt one', () => {
    const [problem] = loadError({}, handlers('queues: { mial: { attempts: 5 } }')).problems;
    expect(problem).toMatchObject({
      path: 'queues.mial',
      allowed: 'a url; or one of source-sync, http-delivery, mail',
    });
  });

  it('may be turned off, and are not looked at then', () => {
    const { own, disabled } = load({}, handlers('queues: { mail: { enabled: false } }')).queues;
    expect(own).toEqual({ names: ['mail'], pairs: [], problems: [] });
    expect(disabled).toEqual(['mail']);
    expect(problemPaths({ WORKER_QUEUES: 'mail' }, handlers('queues: { mail: { enabled: false } }'))).toEqual([
      'WORKER_QUEUES',
    ]);
  });
});
