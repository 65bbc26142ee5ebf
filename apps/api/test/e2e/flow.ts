import { eventually } from '@holdfast/testing';
import { expect } from 'vitest';
import type { Receiver } from './receiver.ts';
import { ended } from './system.ts';
import type { Service } from './system.ts';

/** What a user does in the first ten minutes; the same in every mode. Leaves nothing behind but jobs that have ended. */
export async function firstTenMinutes(service: Service, receiver: Receiver): Promise<void> {
  await readMirror(service);
  await useCache(service);
  await followSync(service);
  await deliver(service, receiver);
}

async function readMirror(service: Service): Promise<void> {
  await eventually(async () => expect(await service.json('/v1/sources/instances')).toMatchObject({ healthy: true }), {
    timeoutMs: 20_000,
    intervalMs: 100,
  });
  const { items } = (await service.json('/v1/sources/instances/items?limit=1')) as { items: { id: string }[] };
  const [first] = items;
  const item = await service.request(`/v1/sources/instances/items/${first?.id}`);
  expect(item.headers.get('cache-status')).toContain('hit');
  expect(await item.json()).toEqual(first);
}

async function useCache(service: Service): Promise<void> {
  const path = '/v1/cache/api-responses/greeting';
  const put = await service.request(`${path}?ttl=5m`, {
    method: 'PUT',
    body: '{"hello":"world"}',
    headers: { 'content-type': 'application/json' },
  });
  expect([201, 204]).toContain(put.status);
  const got = await service.request(path);
  expect(got.headers.get('content-type')).toBe('application/json');
  expect(await got.text()).toBe('{"hello":"world"}');
  expect((await service.request(path, { method: 'DELETE' })).status).toBe(204);
  expect((await service.request(path)).status).toBe(404);
}

async function followSync(service: Service): Promise<void> {
  const { jobId, queue } = await service.post('/v1/sources/instances/sync');
  expect(queue).toBe('source-sync');
  const job = await ended(service, 'source-sync', String(jobId));
  expect(job).toMatchObject({ state: 'completed', result: { failed: 0, fetched: expect.any(Number) } });
}

async function deliver(service: Service, receiver: Receiver): Promise<void> {
  const { id } = await service.post('/v1/queues/http-delivery/jobs', { data: { url: receiver.url, body: 'hello' } });
  const job = await ended(service, 'http-delivery', String(id));
  expect(job).toMatchObject({ state: 'completed', result: { status: 200, body: 'received' } });
  expect(receiver.ids).toContain(`http-delivery:${String(id)}`);
}
