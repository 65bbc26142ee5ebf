import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { heapGrowth } from '@holdfast/testing';
import { expect, it } from 'vitest';
import { UpstreamClient } from '../src/upstream-client.ts';

it('leaves nothing of a request to an upstream behind', async () => {
  const upstream = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"a":1}');
  });
  // While the heaps are compared nothing else is done, and a connection would be taken for idle.
  upstream.keepAliveTimeout = 0;
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const { port } = upstream.address() as AddressInfo;
  const client = new UpstreamClient({ baseUrl: `http://127.0.0.1:${port}` });
  const stays = new AbortController().signal;
  const left = await heapGrowth(async () =>
    client.getJson({ path: '/', timeoutMs: 3_600_000, maxBytes: 1000, signal: stays }),
  );
  expect(left.signals).toBeLessThan(0.1);
  expect(left.timers).toBeLessThan(0.1);
  expect(left.objects).toBeLessThan(1);
  upstream.close();
}, 120_000);
