import type { AddressInfo } from 'node:net';
import { startRedis, type RedisServer } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type Api } from './fixture.ts';

/** Over a socket, where no worker runs. */
describe('what an operator does over REST', () => {
  let redis: RedisServer;
  let api: Api;
  let address: string;
  beforeAll(async () => {
    redis = await startRedis();
    api = await startApi({ redis });
    await api.app.listen({ host: '127.0.0.1', port: 0 });
    address = `http://127.0.0.1:${(api.app.server.address() as AddressInfo).port}/v1/queues/http-delivery`;
  });
  afterAll(async () => {
    await api.close();
    await redis.stop();
  });

  const call = async (method: string, path: string, body?: object): Promise<{ status: number; body: unknown }> => {
    const answer = await fetch(`${address}${path}`, {
      method,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
  };
  const add = async (jobId: string, options: object = {}): Promise<void> => {
    const data = { url: 'https://example.com/hook' };
    expect(await call('POST', '/jobs', { data, options: { jobId, ...options } })).toMatchObject({ status: 201 });
  };

  it('cancels what waits at once, and lets it wait anew from a redrive', async () => {
    await add('waits');
    await add('later', { delay: '1h' });
    for (const id of ['waits', 'later']) {
      expect(await call('POST', `/jobs/${id}/cancel`, { reason: 'not needed' })).toEqual({
        status: 200,
        body: { id, queue: 'http-delivery', state: 'failed' },
      });
      expect(await call('GET', `/jobs/${id}?wait=5s`)).toMatchObject({
        body: { state: 'failed', error: { code: 'JOB_CANCELLED', message: 'not needed' } },
      });
      expect(await call('POST', `/jobs/${id}/cancel`)).toMatchObject({ status: 409 });
    }
    expect(await call('GET', '')).toMatchObject({ body: { counts: { prioritized: 0, delayed: 0, failed: 2 } } });
    const { body } = await call('GET', '/dead-letters?limit=1');
    const { cursor } = body as { cursor: string };
    expect(await call('GET', `/dead-letters?cursor=${cursor}`)).toMatchObject({ body: { jobs: [{}], cursor: null } });
    // One list, one cursor.
    expect(await call('GET', `/jobs?state=failed&cursor=${cursor}`)).toMatchObject({ body: { jobs: [{}] } });
    expect(await call('POST', '/dead-letters/redrive')).toMatchObject({ body: { redriven: 2 } });
    expect(await call('POST', '/clean', { state: 'prioritized', olderThan: '1h' })).toMatchObject({
      body: { removed: 0 },
    });
    expect(await call('POST', '/drain')).toMatchObject({ body: { removed: 2 } });
  });

  it('reads and makes room where the memory of Redis is full, and adds nothing there', async () => {
    for (const id of ['one', 'two', 'three', 'dead']) await add(id, { delay: '1h' });
    await call('POST', '/jobs/dead/cancel');
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    for (const path of ['', '/jobs', '/jobs/one', '/jobs/one?wait=1ms', '/dead-letters', '/schedules', '/schema']) {
      expect(await call('GET', path), path).toMatchObject({ status: 200 });
    }
    const events = await fetch(`${address}/jobs/dead/events`);
    expect(await events.text()).toContain('event: failed');
    for (const path of ['/jobs/one/promote', '/jobs/dead/retry', '/dead-letters/redrive']) {
      expect(await call('POST', path), path).toMatchObject({ status: 507, body: { code: 'QUEUE_OUT_OF_MEMORY' } });
    }
    expect(await call('GET', '/jobs/one')).toMatchObject({ body: { state: 'delayed' } });
    expect(await call('DELETE', '/jobs/one')).toMatchObject({ status: 204 });
    expect(await call('POST', '/jobs/two/cancel')).toMatchObject({ status: 200, body: { state: 'failed' } });
    expect(await call('POST', '/clean', { state: 'failed', limit: 1 })).toEqual({ status: 200, body: { removed: 1 } });
    expect(await call('POST', '/dead-letters/clean')).toMatchObject({ status: 200, body: { removed: 1 } });
    expect(await call('POST', '/drain', { delayed: true })).toEqual({ status: 200, body: { removed: 1 } });
  });
});
