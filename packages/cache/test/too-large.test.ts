import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createEngine, createKeys, type RedisEngine } from '@holdfast/redis-core';
import { startUpstashRest, type UpstashRest, useRedis } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cache } from '../src/index.ts';
import { calm } from './engines.ts';

const limitBytes = 100_000;

/** Before a REST endpoint, as plans of Upstash have it. */
describe('where one request may only have so many bytes', () => {
  let rest: UpstashRest;
  let limited: Server;
  let engine: RedisEngine;
  let cache: Cache;
  let requests = 0;

  beforeAll(async () => {
    rest = await startUpstashRest(useRedis().url);
    limited = createServer((request, response) => void forward(request, response)).listen(0, '127.0.0.1');
    await once(limited, 'listening');
    const url = `http://127.0.0.1:${(limited.address() as AddressInfo).port}`;
    engine = createEngine({ name: 'limited', ...calm, target: { kind: 'upstash', url, token: rest.token } });
    cache = new Cache({ engine, keys: createKeys('limited'), namespace: 'ns', ttlMs: 60_000 });
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

  test('a value that is larger is refused as such, in each way of writing', async () => {
    await expect(cache.write('k', text(limitBytes))).rejects.toMatchObject(tooLarge);
    await expect(cache.write('k', text(limitBytes), { createOnly: true })).rejects.toMatchObject(tooLarge);
    await expect(cache.set('k', 'x'.repeat(limitBytes))).rejects.toMatchObject(tooLarge);
    expect(engine.status.available).toBe(true);
  });

  test('a bulk is taken in parts, of which only what is too large fails', async () => {
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
});
