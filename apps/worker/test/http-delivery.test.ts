import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Latch, startReceiver, type Received, type Receiver } from '@holdfast/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestWorker } from './fixture.ts';
import type { Backend, TestWorker } from './fixture.ts';

const queue = 'http-delivery';
const secretBytes = Buffer.from('a secret of thirty-two bytes yes');
const secret = `whsec_${secretBytes.toString('base64')}`;
const atOnce = { backoff: { type: 'fixed', delayMs: 0 } } as const;

interface Delivered {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly truncated?: true;
  readonly durationMs: number;
}

/** Standard Webhooks, written from the specification and not from the code: throws unless the signature is right. */
function verify({ headers, body }: { headers: IncomingHttpHeaders; body: string }, key: Buffer): void {
  const id = String(headers['webhook-id']);
  const timestamp = String(headers['webhook-timestamp']);
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) throw new Error('too old, or from the future');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`, 'utf8').digest();
  const good = String(headers['webhook-signature'])
    .split(' ')
    .map((entry) => entry.split(','))
    .filter(([version]) => version === 'v1')
    .map(([, text = '']) => Buffer.from(text, 'base64'))
    .some((given) => given.length === expected.length && timingSafeEqual(given, expected));
  if (!good) throw new Error('the signature does not fit');
}

describe.each<Backend>(['redis', 'embedded'])('http-delivery on the %s queue', (backend) => {
  let receiver: Receiver;
  let worker: TestWorker;
  beforeAll(async () => {
    receiver = await startReceiver();
    worker = await createTestWorker({ backend, env: { WEBHOOK_SECRET: secret, WORKER_QUEUES: queue } });
    await worker.worker.start();
  });
  beforeEach(() => receiver.reset());
  afterAll(async () => {
    await worker.close();
    await receiver.close();
  });
  const run = async (data: Record<string, unknown>, options = {}) =>
    worker.run(queue, { url: receiver.url, ...data }, { ...atOnce, ...options });

  it('sends what the job says, and completes with the answer', async () => {
    receiver.answer = (_request, response) => void response.writeHead(201, { 'x-answer': 'yes' }).end('thank you');
    const job = await run({
      url: `${receiver.url}/hook?a=1`,
      method: 'PUT',
      headers: { 'X-Own': 'mine' },
      body: { hello: 'wörld' },
    });
    expect(job).toMatchObject({ state: 'completed', attemptsMade: 1 });
    const result = job.result as Delivered;
    expect(result).toEqual({
      status: 201,
      headers: expect.objectContaining({ 'x-answer': 'yes' }),
      body: 'thank you',
      durationMs: expect.any(Number),
    });
    expect(receiver.received).toHaveLength(1);
    expect(receiver.received[0]).toMatchObject({
      method: 'PUT',
      path: '/hook?a=1',
      body: '{"hello":"wörld"}',
      headers: { 'x-own': 'mine', 'content-type': 'application/json', 'user-agent': 'holdfast' },
    });
  });

  it('tries again after a 500, under the same webhook-id, and each attempt is signed', async () => {
    let left = 2;
    receiver.answer = (_request, response) => void response.writeHead(left-- > 0 ? 500 : 204).end('not yet');
    const job = await run({ body: 'text' });
    expect(job).toMatchObject({ state: 'completed', attemptsMade: 3 });
    expect(job.logs).toEqual([expect.stringMatching(/^HTTP 500 .*not yet/), expect.stringMatching(/^HTTP 500 /)]);
    expect(receiver.received).toHaveLength(3);
    const ids = new Set(receiver.received.map(({ headers }) => headers['webhook-id']));
    expect([...ids]).toEqual([`${queue}:${job.id}`]);
    for (const request of receiver.received) verify(request, secretBytes);
    expect(worker.log.join()).not.toContain('not signed');
  });

  it('keeps an answer that holds what PostgreSQL cannot store as text', async () => {
    receiver.answer = (_request, response) => void response.end(Buffer.from([0x61, 0x00, 0xff, 0x62]));
    const job = await run({});
    expect(job).toMatchObject({ state: 'completed', result: { status: 200 } });
    expect((job.result as Delivered).body).toBe('a\uFFFD\uFFFDb');
    expect(receiver.received).toHaveLength(1);
  });

  it('gives up at once after 410', async () => {
    receiver.answer = (_request, response) => void response.writeHead(410).end();
    const job = await run({});
    expect(job).toMatchObject({ state: 'failed', attemptsMade: 1, error: { code: 'DELIVERY_GONE' } });
    expect(receiver.received).toHaveLength(1);
  });

  it('tells the failure URL once, after the last attempt', async () => {
    receiver.answer = ({ path }, response) => void response.writeHead(path === '/failed' ? 204 : 503).end();
    const job = await run({ url: `${receiver.url}/hook`, failureUrl: `${receiver.url}/failed` }, { attempts: 3 });
    expect(job).toMatchObject({ state: 'failed', attemptsMade: 3, error: { code: 'DELIVERY_FAILED' } });
    expect(receiver.received.map(({ path }) => path)).toEqual(['/hook', '/hook', '/hook', '/failed']);
    const told = receiver.received[3] as Received;
    expect(JSON.parse(told.body)).toEqual({
      queue,
      id: job.id,
      url: `${receiver.url}/hook`,
      attempts: 3,
      error: 'The receiver answered 503.',
    });
    expect(told.headers['webhook-id']).toBe(`${queue}:${job.id}:failure`);
    verify(told, secretBytes);
  });

  it('tells the failure URL as well when the last attempt took longer than the job may', async () => {
    const told = new Latch();
    receiver.answer = ({ path }, response) => {
      if (path !== '/failed') return;
      response.writeHead(204).end();
      told.open();
    };
    const failureUrl = `${receiver.url}/failed`;
    const job = await run({ failureUrl }, { attempts: 1, timeoutMs: 200 });
    expect(job).toMatchObject({ state: 'failed', error: { code: 'JOB_TIMEOUT' } });
    await told.wait();
    expect(receiver.received.map(({ path }) => path)).toEqual(['/', '/failed']);
  });
});

describe('http-delivery', () => {
  let receiver: Receiver;
  let worker: TestWorker;
  beforeAll(async () => {
    receiver = await startReceiver();
    worker = await createTestWorker({ env: { WORKER_QUEUES: queue } });
    await worker.worker.start();
  });
  beforeEach(() => receiver.reset());
  afterAll(async () => {
    await worker.close();
    await receiver.close();
  });
  const run = async (data: Record<string, unknown>, options = {}) =>
    worker.run(queue, { url: receiver.url, ...data }, { ...atOnce, attempts: 1, ...options });

  it.each([301, 302, 303, 307, 308])('does not follow a %i', async (status) => {
    receiver.answer = (_request, response) =>
      void response.writeHead(status, { location: `${receiver.url}/elsewhere` }).end();
    const job = await run({});
    expect(job).toMatchObject({ state: 'failed', error: { message: `The receiver answered ${status}.` } });
    expect(receiver.received.map(({ path }) => path)).toEqual(['/']);
  });

  it('keeps 64 KiB of a longer answer, says so, and hangs up', async () => {
    const hungUp = new Latch();
    receiver.answer = (_request, response) => {
      response.once('close', hungUp.open);
      const write = (): void => {
        while (!response.destroyed && response.write('x'.repeat(10_000)));
        if (!response.destroyed) response.once('drain', write);
      };
      write();
    };
    const { body, truncated } = (await run({})).result as Delivered;
    expect(body).toBe('x'.repeat(64 * 1024));
    expect(truncated).toBe(true);
    await hungUp.wait();
  });

  it('keeps an answer of 64 KiB as it is', async () => {
    receiver.answer = (_request, response) => void response.end('x'.repeat(64 * 1024));
    const result = (await run({})).result as Delivered;
    expect(result.body).toHaveLength(64 * 1024);
    expect(result).not.toHaveProperty('truncated');
  });

  it('gives up on an answer that does not come in time, and tries again', async () => {
    let first = true;
    receiver.answer = (_request, response) => {
      if (!first) response.end('late');
      first = false;
    };
    const job = await run({ timeout: '200ms' }, { attempts: 2 });
    expect(job).toMatchObject({ state: 'completed', attemptsMade: 2, result: { body: 'late' } });
  });

  it('gives up on an answer that begins and does not end', async () => {
    receiver.answer = (_request, response) => void response.writeHead(200).write('begun');
    const job = await run({ timeout: '200ms' });
    expect(job).toMatchObject({ state: 'failed', error: { code: 'DELIVERY_FAILED' } });
    expect(job.error?.message).toMatch(/could not be reached.*timeout/i);
  });

  it('says why a receiver cannot be reached', async () => {
    const job = await run({ url: 'http://127.0.0.1:1/' });
    expect(job).toMatchObject({ state: 'failed', error: { code: 'DELIVERY_FAILED' } });
    expect(job.error?.message).toContain('ECONNREFUSED');
  });

  it.each([
    ['a URL that is none', { url: 'http://[::1/' }],
    ['a port that is none', { url: 'http://127.0.0.1:99999/' }],
    ['a header that belongs to the connection', { headers: { 'transfer-encoding': 'chunked' } }],
    ['a length that is not the body’s', { headers: { 'content-length': '5' }, body: 'twelve bytes' }],
  ])('does not try again what cannot be sent: %s', async (_what, data) => {
    const job = await run(data, { attempts: 5 });
    expect(job).toMatchObject({ state: 'failed', attemptsMade: 1, error: { code: 'DELIVERY_INVALID' } });
    expect(receiver.received).toEqual([]);
  });

  it('signs nothing without a secret, and lets no job set the headers of the standard', async () => {
    await run({ headers: { 'Webhook-Id': 'forged', 'WEBHOOK-SIGNATURE': 'v1,forged' } });
    const [request] = receiver.received;
    expect(request?.headers['webhook-id']).toMatch(/^http-delivery:/);
    expect(request?.headers['webhook-timestamp']).toMatch(/^\d{10}$/);
    expect(request?.headers['webhook-signature']).toBeUndefined();
  });

  it('says once that deliveries are not signed, however many there are', async () => {
    await run({});
    await run({ failureUrl: receiver.url });
    expect(worker.log.filter((line) => line.includes('deliveries are not signed'))).toHaveLength(1);
  });

  it.each(['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '2130706433'])(
    'refuses %s for good where private addresses are not allowed, and tells no private failure URL',
    async (host) => {
      const strict = await createTestWorker({ env: { WORKER_QUEUES: queue, HTTP_DELIVERY_ALLOW_PRIVATE: 'false' } });
      await strict.worker.start();
      const url = `http://${host}:${receiver.port}/`;
      const job = await strict.run(queue, { url, failureUrl: url });
      expect(job).toMatchObject({ state: 'failed', attemptsMade: 1, error: { code: 'ADDRESS_REFUSED' } });
      expect(receiver.connections).toBe(0);
      await strict.close();
    },
  );
});
