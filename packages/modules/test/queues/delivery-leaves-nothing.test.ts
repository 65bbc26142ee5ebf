import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { heapGrowth } from '@holdfast/testing';
import { expect, it } from 'vitest';
import { Deliverer } from '../../src/queues/delivery/deliver.ts';

/** A job of a declared queue may take a day: what is kept until its time is over is kept for as long. */
const day = 86_400_000;

it('leaves nothing of an attempt behind, however long it might have taken', async () => {
  const receiver = createServer((request, response) => void request.resume().on('end', () => response.end('{}')));
  // While the heaps are compared nothing else is done, and a connection would be taken for idle.
  receiver.keepAliveTimeout = 0;
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const { port } = receiver.address() as AddressInfo;
  const deliverer = new Deliverer({ allowPrivate: true });
  const stays = new AbortController().signal;
  const left = await heapGrowth(async (n) =>
    deliverer.send({
      url: `http://127.0.0.1:${port}/`,
      method: 'POST',
      headers: {},
      body: '{}',
      timeoutMs: day,
      signal: n % 2 === 0 ? stays : new AbortController().signal,
    }),
  );
  expect(left.signals).toBeLessThan(0.1);
  expect(left.timers).toBeLessThan(0.1);
  expect(left.objects).toBeLessThan(0.5);
  await deliverer.close();
  receiver.close();
}, 120_000);
