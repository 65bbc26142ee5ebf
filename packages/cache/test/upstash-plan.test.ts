import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEngine, createKeys, type RedisEngine } from '@holdfast/redis-core';
import { openDiskFolder } from '@holdfast/redis-core/disk';
import { openJournal } from '@holdfast/redis-core/journal';
import { eventually, startUpstashRest, type UpstashRest, useRedis } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cache, CacheRegistry } from '../src/index.ts';
import { calm } from './engines.ts';

const limitBytes = 100_000;
const keys = createKeys('plan');

/** A REST endpoint whose plan, as those of Upstash, has limits. */
describe('where a plan', () => {
  let rest: UpstashRest;
  let limited: Server;
  let engine: RedisEngine;
  let cache: Cache;
  let requests = 0;
  let isUsedUp = false;

  beforeAll(async () => {
    rest = await startUpstashRest(useRedis().url);
    limited = createServer((request, response) => void forward(request, response)).listen(0, '127.0.0.1');
    await once(limited, 'listening');
    const url = `http://127.0.0.1:${(limited.address() as AddressInfo).port}`;
    engine = createEngine({ name: 'limited', ...calm, target: { kind: 'upstash', url, token: rest.token } });
    cache = new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000 });
    await engine.time();
  });
  afterAll(async () => {
    await engine.close();
    limited.closeAllConnections();
    limited.close();
    await rest.stop();
  });

  async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    requests += 1;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    response.setHeader('content-type', 'application/json');
    if (isUsedUp) {
      response
        .writeHead(400)
        .end(JSON.stringify({ error: 'ERR max requests limit exceeded. Limit: 500000, Usage: 500000' }));
      return;
    }
    if (body.length > limitBytes) {
      response
        .writeHead(400)
        .end(JSON.stringify({ error: `ERR max request size exceeded. Limit: ${limitBytes} bytes` }));
      return;
    }
    const headers = { authorization: request.headers.authorization ?? '', 'content-type': 'application/json' };
    const answer = await fetch(`${rest.url}${request.url ?? ''}`, { method: 'POST', body, headers });
    response.writeHead(answer.status).end(await answer.text());
  }

  const text = (bytes: number): { body: string; contentType: string } => ({
    body: 'x'.repeat(bytes),
    contentType: 'text/plain',
  });
  const tooLarge = { code: 'REDIS_REQUEST_TOO_LARGE', status: 413 };

  test('takes a request of so many bytes, a value that is larger is refused as such, in each way of writing', async () => {
    await expect(cache.write('k', text(limitBytes))).rejects.toMatchObject(tooLarge);
    await expect(cache.write('k', text(limitBytes), { createOnly: true })).rejects.toMatchObject(tooLarge);
    await expect(cache.set('k', 'x'.repeat(limitBytes))).rejects.toMatchObject(tooLarge);
    expect(engine.status.available).toBe(true);
  });

  test('takes a request of so many bytes, a loaded value that is larger is returned, and not stored', async () => {
    const value = await cache.getOrSet('loaded', () => Promise.resolve('x'.repeat(limitBytes)));
    expect(value.length).toBe(limitBytes);
    expect(await cache.get('loaded')).toBeUndefined();
    expect(engine.status.available).toBe(true);
  });

  test('takes a request of so many bytes, a bulk is taken in parts, of which only what is too large fails', async () => {
    const items = Array.from({ length: 12 }, (_, index) => ({
      key: `k${index}`,
      ...text(index === 7 ? 200_000 : 20_000),
    }));
    const before = requests;
    const errors = [{ key: 'k7', code: 'REDIS_REQUEST_TOO_LARGE' }];
    expect(await cache.writeMany(items)).toMatchObject({ successful: 11, failed: 1, errors });
    // Halves of halves.
    expect(requests - before).toBeLessThanOrEqual(2 * 12);
    const values = items.map(({ key, body }) => ({ key, value: body }));
    expect(await cache.setMany(values)).toMatchObject({ successful: 11, failed: 1, errors });
    expect((await cache.get<string>('k11'))?.length).toBe(20_000);
  });

  test('is used up, the caches fall back, and forget in Redis what was changed meanwhile', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-plan-'));
    const disk = openDiskFolder({ directory });
    const journal = await openJournal({ folder: disk });
    const registry = new CacheRegistry({ engine, keys, namespaces: { ns: { ttlMs: 600_000 } }, journal });
    try {
      await eventually(() => expect(registry.isOnFallback).toBe(false));
      const served = registry.get('ns');
      await served.set('k', 'before');
      isUsedUp = true;
      await served.set('k', 'meanwhile');
      expect(engine.status).toMatchObject({ available: false, fault: 'over-quota' });
      expect(registry.isOnFallback).toBe(true);
      expect(await served.get('k')).toBe('meanwhile');
      const without = new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000 });
      await expect(without.get('k')).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE', retryAfterMs: 30_000 });
      isUsedUp = false;
      await eventually(() => expect(registry.isOnFallback).toBe(false));
      expect(await served.get('k')).toBeUndefined();
    } finally {
      isUsedUp = false;
      await registry.close();
      await disk.close();
      rmSync(directory, { recursive: true });
    }
  });
});
