import { eventually, FaultProxy, startRedis, type RedisServer } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startApi, type Api } from './fixture.ts';

/** As the endpoint of a managed Redis does: the old primary lives on as a replica, with the connections to it. */
describe('a Redis whose address moves to another primary', () => {
  let old: RedisServer;
  let next: RedisServer;
  let address: FaultProxy;
  let api: Api;
  let url: string;
  beforeEach(async () => {
    [old, next] = await Promise.all([startRedis(), startRedis({ args: ['--repl-diskless-sync-delay', '0'] })]);
    address = await FaultProxy.listen(old);
    api = await startApi({ redis: address });
    url = await api.app.listen({ port: 0 });
  });
  afterEach(async () => {
    await api.close();
    await address.close();
    await Promise.all([old.stop(), next.stop()]);
  });

  const put = async (): Promise<number> =>
    (await fetch(`${url}/v1/cache/prompts/k`, { method: 'PUT', body: 'x' })).status;
  const addJob = async (): Promise<number> => {
    const body = JSON.stringify({ data: { url: 'https://example.com/' }, options: { delay: '1h' } });
    const headers = { 'content-type': 'application/json' };
    return (await fetch(`${url}/v1/queues/http-delivery/jobs`, { method: 'POST', headers, body })).status;
  };
  const health = async (): Promise<unknown> => (await fetch(`${url}/health`)).json();

  it('is not called healthy while it refuses writes, and takes them again once the address has moved', async () => {
    await eventually(async () => expect(await health()).toMatchObject({ status: 'ok' }));
    await old.command('REPLICAOF', next.host, String(next.port));
    expect(await put()).toBe(503);
    expect(await health()).toMatchObject({ status: 'degraded', redis: { healthy: false, fault: 'read-only' } });

    address.moveTo(next);
    const keys = async (): Promise<string> => String(await next.command('KEYS', '*'));
    // While the connection changes over, the fallback and the outbox may take what comes.
    await eventually(async () => {
      expect(await put()).toBeLessThan(300);
      expect(await keys()).toMatch(/:prompts:k/);
    });
    expect(await addJob()).toBeLessThan(300);
    await eventually(async () => expect(await keys()).toMatch(/http-delivery/));
    await eventually(async () => expect(await health()).toMatchObject({ status: 'ok', redis: { healthy: true } }));
  });
});
