import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { startUpstream } from '@holdfast/example-upstream';
import type { UpstreamServer } from '@holdfast/example-upstream';
import type { SyncReport } from '@holdfast/sources';
import { PermanentError, type RunningJob } from '@holdfast/queue';
import { createLogger } from '@holdfast/telemetry';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadHandlers } from '../src/load-handlers.ts';
import { createTestWorker } from './fixture.ts';
import type { Backend, TestWorker } from './fixture.ts';

const queue = 'source-sync';
const logger = createLogger({ service: 'worker', level: 'silent' });

describe.each<Backend>(['redis', 'embedded'])('source-sync on the %s queue', (backend) => {
  let upstream: UpstreamServer;
  let test: TestWorker;
  beforeAll(async () => {
    // A clock that stands still: the collection is the same for all syncs.
    upstream = await startUpstream({ latencyMs: 0, now: () => Date.UTC(2026, 0, 1) });
    test = await createTestWorker({ backend, env: { NOVITA_API_BASE_URL: upstream.url } });
    await test.worker.start();
  });
  afterAll(async () => {
    await test.close();
    await upstream.close();
  });

  it('mirrors the source at start, without being asked', async () => {
    const job = await test.ended(queue, 'start.instances');
    expect(job).toMatchObject({ state: 'completed', data: { source: 'instances' } });
    expect((await test.runtime.parts.sources.sources.get('instances').state()).items).toBeGreaterThanOrEqual(500);
    await test.ended(queue, 'start.products');
    expect((await test.runtime.parts.sources.sources.get('products').state()).items).toBeGreaterThanOrEqual(50);
  });

  it('completes with the report of the sync, and its progress was seen', async () => {
    const mirror = test.runtime.parts.sources.sources.get('instances');
    const before = await test.ended(queue, 'start.instances');
    const job = await test.run(queue, { source: 'instances' });
    expect(job).toMatchObject({ state: 'completed', attemptsMade: 1 });
    const { items, lastSync } = await mirror.state();
    const report = job.result as SyncReport;
    expect(report).toMatchObject({ fetched: items, updated: 0, unchanged: items, deleted: 0, failed: 0 });
    expect(lastSync).toEqual(report);
    expect(before.result).toMatchObject({ fetched: items, updated: items });
    expect(job.progress).toMatchObject({ phase: expect.stringMatching(/write|prune/) });
  });

  it('fails for good when there is no such source', async () => {
    const job = await test.run(queue, { source: 'nowhere' });
    expect(job).toMatchObject({ state: 'failed', attemptsMade: 1, error: { code: 'SOURCE_UNKNOWN' } });
    expect(job.error?.message).toContain('nowhere');
  });
});

async function pass(url: string, response: ServerResponse): Promise<void> {
  const answer = await fetch(url);
  response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
}

describe('source-sync with an upstream that fails', () => {
  it('tries again, and leaves what is mirrored in place', async () => {
    const sample = await startUpstream({ latencyMs: 0, now: () => Date.UTC(2026, 0, 1) });
    let failing = false;
    let failures = 0;
    const front = createServer((request, response) => {
      if (failing) {
        failures += 1;
        response.writeHead(500).end();
        return;
      }
      void pass(`${sample.url}${request.url}`, response);
    }).listen(0, '127.0.0.1');
    await once(front, 'listening');
    const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
    const test = await createTestWorker({ env: { NOVITA_API_BASE_URL: url } });
    await test.worker.start();
    await test.ended(queue, 'start.instances');
    await test.ended(queue, 'start.products');
    const { items } = await test.runtime.parts.sources.sources.get('instances').state();

    failing = true;
    const job = await test.run(queue, { source: 'instances' }, { attempts: 2, backoff: { type: 'fixed', delayMs: 0 } });
    expect(job).toMatchObject({
      state: 'failed',
      attemptsMade: 2,
      error: { code: expect.stringMatching(/^UPSTREAM_/) },
    });
    expect(failures).toBeGreaterThanOrEqual(2);
    expect(await test.runtime.parts.sources.sources.get('instances').state()).toMatchObject({ items, healthy: false });
    await test.close();
    await sample.close();
    front.closeAllConnections();
    front.close();
  });
});

describe('the handler of source-sync', () => {
  it('does not fail when progress cannot be written, and ends with the signal of its job', async () => {
    const upstream = await startUpstream({ latencyMs: 0 });
    const test = await createTestWorker({ env: { NOVITA_API_BASE_URL: upstream.url } });
    const handlers = await loadHandlers(test.runtime, { disabled: [], logger });
    const handler = handlers.byQueue.get(queue);
    if (typeof handler !== 'function') throw new Error('nobody handles it here');
    const stop = new AbortController();
    const job = (source: string): RunningJob<{ source: string }> => ({
      id: 'a',
      name: queue,
      queue,
      data: { source },
      attempt: 1,
      attempts: 1,
      idempotencyKey: 'a',
      signal: stop.signal,
      progress: async () => Promise.reject(new Error('the store of the queue is away')),
      log: async () => undefined,
      children: async () => [],
    });
    expect(await handler(job('products'))).toMatchObject({ failed: 0 });
    await expect(handler(job('nowhere'))).rejects.toBeInstanceOf(PermanentError);
    stop.abort();
    await expect(handler(job('products'))).rejects.toMatchObject({ code: 'SOURCE_SYNC_ABORTED' });
    await handlers.close();
    await test.close();
    await upstream.close();
  });
});
