import { request as send, Agent } from 'node:http';
import { text } from 'node:stream/consumers';
import type { AddressInfo } from 'node:net';
import { heapGrowth, type HeapGrowth } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type Api } from './fixture.ts';

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** What an exchange leaves in a process that serves for months. */
describe('a request that has been answered', () => {
  let api: Api;
  let port: number;
  const agent = new Agent({ keepAlive: true });
  beforeAll(async () => {
    api = await startApi({ env: { LOG_LEVEL: 'silent' } });
    await api.app.listen({ port: 0, host: '127.0.0.1' });
    // While the heaps are compared nothing else is done, and a connection would be taken for idle.
    api.app.server.keepAliveTimeout = 0;
    ({ port } = api.app.server.address() as AddressInfo);
  });
  afterAll(async () => {
    agent.destroy();
    await api.close();
  });

  const ask = async (method: string, path: string, body?: object): Promise<Answer> => {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const request = send({ host: '127.0.0.1', port, agent, method, path, headers }, (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode ?? 0, body: answer }), reject);
    });
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
    return promise;
  };
  /** Of a piece of work of so many requests. What is kept of each key or job is bounded, and may not be full yet. */
  const nothing = (left: HeapGrowth, requests: number): void => {
    expect(left.signals).toBeLessThan(0.1);
    expect(left.timers).toBeLessThan(0.1);
    expect(left.objects / requests).toBeLessThan(0.5);
  };
  const jobs = '/v1/queues/http-delivery/jobs';
  const add = async (): Promise<string> => {
    const { status, body } = await ask('POST', jobs, { data: { url: 'https://example.com/' } });
    expect(status, body).toBe(201);
    return (JSON.parse(body) as { id: string }).id;
  };

  it('leaves nothing: jobs and entries of the cache that are written and read', async () => {
    const left = await heapGrowth(async (n) => {
      const id = await add();
      expect((await ask('GET', `${jobs}/${id}`)).status).toBe(200);
      const path = `/v1/cache/api-responses/key-${n}`;
      expect((await ask('PUT', path, { n })).status).toBeLessThan(300);
      expect((await ask('GET', path)).status).toBe(200);
      expect((await ask('DELETE', path)).status).toBeLessThan(300);
    });
    nothing(left, 5);
  }, 120_000);

  it('leaves nothing: waiting for a job in vain, and following it for a while', async () => {
    const id = await add();
    const follow = async (): Promise<void> => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const request = send({ host: '127.0.0.1', port, path: `${jobs}/${id}/events` }, (response) => {
        response.once('data', () => response.destroy());
        response.once('close', () => resolve());
        response.on('error', () => undefined);
      });
      request.on('error', reject);
      request.end();
      await promise;
    };
    const left = await heapGrowth(
      async () => {
        expect((await ask('GET', `${jobs}/${id}?wait=10ms`)).status).toBe(200);
        await follow();
      },
      { times: 200, together: 10, settleMs: 700 },
    );
    nothing(left, 2);
  }, 120_000);
});
