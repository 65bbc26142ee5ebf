import { createTestWorker } from './fixture.ts';
import type { Backend, TestWorker } from './fixture.ts';
import { eventually, startReceiver, type Received, type Receiver } from '@holdfast/testing';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const whsec = (text: string): string => `whsec_${Buffer.from(text).toString('base64')}`;
const billing = whsec('of the billing team, 32 bytes ok');
const billingOld = whsec('of the billing team, before that');
const general = whsec('of everybody else, 32 bytes long');
const generalOld = whsec('of everybody else, before it was');
const atOnce = { backoff: { type: 'fixed', delayMs: 0 } } as const;

describe.each<Backend>(['redis', 'embedded'])('queues that holdfast.yaml declares, on the %s queue', (backend) => {
  let receiver: Receiver;
  let worker: TestWorker;
  beforeAll(async () => {
    receiver = await startReceiver();
    worker = await createTestWorker({
      backend,
      // Only URLs that come with a job are kept from private addresses.
      env: {
        HTTP_DELIVERY_ALLOW_PRIVATE: 'false',
        WEBHOOK_SECRET: general,
        WEBHOOK_SECRET_PREVIOUS: generalOld,
        WEBHOOK_URL: `${receiver.url}/webhook`,
        BILLING_SECRET: billing,
        BILLING_SECRET_OLD: billingOld,
      },
      yaml: `
queues:
  invoices:
    description: Prints invoices.
    url: ${receiver.url}/print
    method: PUT
    headers: { X-Team: billing }
    secrets: [BILLING_SECRET, BILLING_SECRET_OLD]
    failureUrl: ${receiver.url}/failed
    attempts: 2
    backoff: { type: fixed, delay: 1ms }
    timeout: 30s
    payload: { type: object, properties: { invoice: { type: integer } }, required: [invoice], additionalProperties: false }
  anything:
    url: ${receiver.url}/anything
    attempts: 3
    schedule: { every: 1h, data: { scheduled: true } }
`,
    });
    await worker.worker.start();
  });
  beforeEach(() => receiver.reset());
  afterAll(async () => {
    await worker.close();
    await receiver.close();
  });
  const paths = (): string[] => receiver.received.map(({ path }) => path);
  const at = (path: string): Received[] => receiver.received.filter((request) => request.path === path);

  it('are there as they are declared', async () => {
    const { queues } = worker.runtime.parts.queues;
    expect(queues.names()).toEqual(expect.arrayContaining(['source-sync', 'http-delivery', 'invoices', 'anything']));
    const { policy } = await queues.summary('invoices');
    expect(policy).toMatchObject({ description: 'Prints invoices.', attempts: 2, timeoutMs: 30_000 });
    expect(worker.worker.status()).toHaveProperty('invoices.running', true);
  });

  it('deliver the data of each job as JSON, signed with every secret of the queue', async () => {
    receiver.answer = (_request, response) => void response.writeHead(200).end('printed');
    const job = await worker.run('invoices', { invoice: 7 });
    expect(job).toMatchObject({ state: 'completed', result: { status: 200, body: 'printed' } });
    const [request] = at('/print');
    expect(request).toMatchObject({
      method: 'PUT',
      body: '{"invoice":7}',
      headers: { 'content-type': 'application/json', 'x-team': 'billing', 'webhook-id': `invoices:${job.id}` },
    });
    const { body, headers } = request as Received;
    for (const secret of [billing, billingOld]) {
      expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toEqual({ invoice: 7 });
    }
    expect(() => new Webhook(general).verify(body, headers as Record<string, string>)).toThrow();
  });

  it.each<[unknown, string]>([
    ['text', '"text"'],
    [[1, null], '[1,null]'],
    [0, '0'],
    [{ nested: { deep: true } }, '{"nested":{"deep":true}}'],
  ])('take any JSON where nothing is said: %j', async (data, body) => {
    const job = await worker.run('anything', data);
    expect(job.state).toBe('completed');
    const sent = receiver.received.find(({ headers }) => headers['webhook-id'] === `anything:${job.id}`);
    expect(sent?.body).toBe(body);
    expect(() => new Webhook(generalOld).verify(body, sent?.headers as Record<string, string>)).not.toThrow();
  });

  it('refuse null, which not every backend gives back as it came', async () => {
    await expect(worker.add('anything', null)).rejects.toMatchObject({ code: 'JOB_INVALID' });
  });

  it('refuse data that does not fit their schema, with its path', async () => {
    await expect(worker.add('invoices', { invoice: 'seven' })).rejects.toMatchObject({
      code: 'JOB_INVALID',
      issues: [{ path: '/invoice' }],
    });
  });

  it('install their schedule, once, with its data', async () => {
    const schedulers = await eventually(async () => {
      const handle = worker.runtime.parts.queues.backend.open('anything');
      const found = await handle.call((queue) => queue.getJobSchedulers(0, -1, true));
      expect(found).toHaveLength(1);
      return found;
    });
    expect(schedulers.map(({ key, every, template }) => [key, Number(every), template?.data])).toEqual([
      ['holdfast.yaml', 3_600_000, { scheduled: true }],
    ]);
  });

  it('tell their failure URL and the webhook when a job has failed for good, and only then', async () => {
    receiver.answer = ({ path }, response) => void response.writeHead(path === '/print' ? 500 : 204).end();
    const job = await worker.run('invoices', { invoice: 9 });
    expect(job).toMatchObject({ state: 'failed', attemptsMade: 2, error: { code: 'DELIVERY_FAILED' } });
    await eventually(() => expect(paths().toSorted()).toEqual(['/failed', '/print', '/print', '/webhook']));
    const [told, webhook] = [at('/failed')[0], at('/webhook')[0]] as [Received, Received];
    expect(new Webhook(billing).verify(told.body, told.headers as Record<string, string>)).toEqual({
      queue: 'invoices',
      id: job.id,
      url: `${receiver.url}/print`,
      attempts: 2,
      error: 'The receiver answered 500.',
    });
    expect(told.headers['webhook-id']).toBe(`invoices:${job.id}:failure`);
    expect(new Webhook(general).verify(webhook.body, webhook.headers as Record<string, string>)).toEqual({
      type: 'job.failed',
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      data: {
        queue: 'invoices',
        id: job.id,
        name: 'invoices',
        attempts: 2,
        error: { code: 'DELIVERY_FAILED', message: 'The receiver answered 500.' },
      },
    });
    expect(webhook.headers['webhook-id']).toBe(`invoices:${job.id}:failed`);

    // Redriven, it fails once more: that is news, and told as such.
    await worker.runtime.parts.queues.queues.redrive('invoices', { ids: [job.id] });
    await eventually(() => expect([at('/failed').length, at('/webhook').length]).toEqual([2, 2]));
    expect(at('/failed')[1]?.headers['webhook-id']).toBe(`invoices:${job.id}:failure.1`);
    expect(at('/webhook')[1]?.headers['webhook-id']).toBe(`invoices:${job.id}:failed.1`);
    await worker.ended('invoices', job.id);
  });

  it('tell it again until it listens, under the same id', async () => {
    let refusals = 2;
    receiver.answer = ({ path }, response) => {
      if (path === '/failed') return void response.writeHead(refusals-- > 0 ? 503 : 204, { 'retry-after': '1' }).end();
      return void response.writeHead(path === '/print' ? 410 : 204).end();
    };
    const job = await worker.run('invoices', { invoice: 10 });
    expect(job).toMatchObject({ state: 'failed', attemptsMade: 1, error: { code: 'DELIVERY_GONE' } });
    await eventually(() => expect(at('/failed')).toHaveLength(3));
    expect(new Set(at('/failed').map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(worker.log.join('')).toContain('the receiver is gone for good (410)');
  });

  it('say that a job took longer than an attempt may, and try it again', async () => {
    let first = true;
    receiver.answer = ({ path }, response) => {
      if (!first || path !== '/print') response.writeHead(204).end();
      else first = false;
    };
    const id = await worker.add('invoices', { invoice: 11 }, { timeoutMs: 3000 });
    expect(await worker.ended('invoices', id)).toMatchObject({ state: 'completed', attemptsMade: 2 });
  });

  it('wait as long as the receiver says, instead of their own back-off', async () => {
    const times: number[] = [];
    receiver.answer = (_request, response) => {
      times.push(Date.now());
      response.writeHead(times.length === 1 ? 429 : 204, { 'retry-after': '1' }).end();
    };
    const job = await worker.run('invoices', { invoice: 12 });
    expect(job).toMatchObject({ state: 'completed', attemptsMade: 2 });
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(1000);
  });

  it('leave nobody outside a way to have something sent in their name', async () => {
    const notice = { to: 'webhook', queue: 'invoices', webhookId: 'forged', body: { forged: true } };
    await expect(worker.add('http-delivery', { notice })).rejects.toMatchObject({ code: 'JOB_INVALID' });
  });
});

describe('the notice of a failure', () => {
  it('is not told itself when it fails: it is logged and kept as a dead letter', async () => {
    const receiver = await startReceiver();
    receiver.answer = (_request, response) => void response.writeHead(500).end();
    const worker = await createTestWorker({
      env: { WEBHOOK_URL: `${receiver.url}/webhook` },
      yaml: 'queues: {http-delivery: {attempts: 1}}',
    });
    await worker.worker.start();
    const failureUrl = `${receiver.url}/failed`;
    await worker.run('http-delivery', { url: receiver.url, failureUrl }, { ...atOnce, attempts: 1 });
    const { queues } = worker.runtime.parts.queues;
    // Eight attempts take minutes: the last one is enough here.
    await eventually(async () => {
      const { jobs } = await queues.deadLetters('http-delivery');
      expect(jobs.length).toBeGreaterThanOrEqual(1);
    });
    const notices = await eventually(async () => {
      const handle = worker.runtime.parts.queues.backend.open('http-delivery');
      const delayed = await handle.call((queue) => queue.getJobs(['delayed']));
      expect(delayed.map(({ name }) => name)).toEqual(['failure-notice', 'failure-notice']);
      return delayed;
    });
    expect(notices.map(({ opts }) => opts.attempts)).toEqual([8, 8]);
    await worker.close();
    await receiver.close();
  });
});
