import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { closedPort, eventually, FaultProxy, PlainRedis, startRedis, type RedisServer } from '@holdfast/testing';

/** Whether `promise` settles within `ms`. */
async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), ms);
  const settled = promise.then(
    () => true,
    () => true,
  );
  return Promise.race([settled, late.promise]).finally(() => clearTimeout(timer));
}

describe('FaultProxy', () => {
  let redis: RedisServer;
  let proxy: FaultProxy;
  let client: PlainRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());
  beforeEach(async () => {
    await redis.command('FLUSHALL');
    proxy = await FaultProxy.listen(redis.url);
    client = await PlainRedis.connect(proxy.url);
  });
  afterEach(async () => {
    client.close();
    await proxy.close();
  });

  it('passes everything, however large', async () => {
    const value = 'x'.repeat(3_000_000);
    expect(await client.send('SET', 'k', value)).toBe('OK');
    expect(await client.send('GET', 'k')).toBe(value);
  });

  it('delays each direction', async () => {
    await client.send('PING');
    proxy.delay(40);
    const start = performance.now();
    await client.send('PING');
    expect(performance.now() - start).toBeGreaterThanOrEqual(79);
    proxy.pass();
    expect(await client.send('PING')).toBe('PONG');
  });

  it('keeps the order of delayed requests', async () => {
    proxy.delay(10);
    const replies = Promise.all([1, 2, 3, 4].map((n) => client.send('RPUSH', 'list', String(n))));
    expect(await replies).toEqual([1, 2, 3, 4]);
    expect(await client.send('LRANGE', 'list', '0', '-1')).toEqual(['1', '2', '3', '4']);
  });

  it('holds everything back in a black hole and delivers it when it heals', async () => {
    await client.send('PING');
    proxy.blackhole();
    const reply = client.send('INCR', 'n');
    expect(await settlesWithin(reply, 60)).toBe(false);
    expect(await redis.command('GET', 'n')).toBeNull();
    proxy.pass();
    expect(await reply).toBe(1);
  });

  it('loses what is sent while it drops, and the connection with it', async () => {
    await client.send('PING');
    proxy.drop();
    const lost = client.send('INCR', 'n');
    lost.catch(() => {});
    expect(await settlesWithin(lost, 60)).toBe(false);
    proxy.pass();
    expect(await settlesWithin(lost, 60)).toBe(false);
    const next = await PlainRedis.connect(proxy.url);
    expect(await next.send('GET', 'n')).toBeNull();
    next.close();
  });

  it('resets open connections and welcomes new ones', async () => {
    await client.send('PING');
    const pending = client.send('BLPOP', 'nothing', '0');
    proxy.resetAll();
    await expect(pending).rejects.toThrow(/ECONNRESET|closed/);
    const next = await PlainRedis.connect(proxy.url);
    expect(await next.send('PING')).toBe('PONG');
    next.close();
  });

  it('refuses until it passes again', async () => {
    proxy.refuse();
    await expect(PlainRedis.connect(proxy.url).then((refused) => refused.send('PING'))).rejects.toThrow(
      /ECONNRESET|closed/,
    );
    proxy.pass();
    const next = await PlainRedis.connect(proxy.url);
    expect(await next.send('PING')).toBe('PONG');
    next.close();
  });

  it('cuts after the server applied a request and before the client sees the reply', async () => {
    await client.send('PING');
    const cut = proxy.cutBeforeReply({ matching: 'INCR' });
    expect(await client.send('GET', 'n')).toBeNull();
    const reply = client.send('INCR', 'n');
    await expect(reply).rejects.toThrow(/ECONNRESET|closed/);
    await cut;
    expect(await redis.command('GET', 'n')).toBe('1');
  });

  it('cuts once', async () => {
    const cut = proxy.cutBeforeReply();
    await expect(client.send('INCR', 'n')).rejects.toThrow(/ECONNRESET|closed/);
    await cut;
    const next = await PlainRedis.connect(proxy.url);
    expect(await next.send('INCR', 'n')).toBe(2);
    next.close();
  });

  it('resets a client whose server cannot be reached', async () => {
    const nowhere = await FaultProxy.listen({ host: '127.0.0.1', port: await closedPort() });
    await expect(PlainRedis.connect(nowhere.url).then((lost) => lost.send('PING'))).rejects.toThrow(
      /ECONNRESET|closed/,
    );
    await nowhere.close();
  });

  it('forgets connections that were closed', async () => {
    await client.send('PING');
    expect(proxy.connections).toBe(1);
    client.close();
    await eventually(() => expect(proxy.connections).toBe(0));
  });
});
