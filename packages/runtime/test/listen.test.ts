import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { listen, type Listener } from '../src/listen.ts';

const servers: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** What Fastify is to it. The other machines are in apps/api/test/addresses.test.ts. */
function listener(server: Server): Listener {
  servers.push(server);
  return {
    server,
    async listen(options) {
      server.listen(options);
      await once(server, 'listening');
      return '';
    },
  };
}

const hasBoth = ['127.0.0.1', '::1'].every((host) =>
  Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === host)),
);

describe.skipIf(!hasBoth)(
  `localhost, on a machine with 127.0.0.1 and ::1${hasBoth ? '' : ' (this one has not)'}`,
  () => {
    it('ends when the last answer is out, on whichever address it was asked for', async () => {
      const asked = Promise.withResolvers<() => void>();
      const server = createServer((_request, response) => asked.resolve(() => void response.end('done')));
      const { port } = new URL(await listen(listener(server), { host: 'localhost', port: 0 }));
      const answered = Promise.withResolvers<IncomingMessage>();
      get({ host: '::1', port }, answered.resolve).on('error', answered.reject);
      const answer = await asked.promise;

      const order: string[] = [];
      const closed = new Promise<void>((resolve) => {
        server.close(() => {
          order.push('closed');
          resolve();
        });
      });
      await expect(once(get({ host: '::1', port }), 'response')).rejects.toThrow('ECONNREFUSED');
      order.push('answered');
      answer();
      expect(await (await answered.promise).toArray()).toEqual([Buffer.from('done')]);
      server.closeIdleConnections();
      await closed;
      expect(order).toEqual(['answered', 'closed']);
    });

    it.each(['127.0.0.1', '::1'])('is refused where the port is taken on %s, and leaves nothing open', async (host) => {
      const other = createTcpServer();
      servers.push(other);
      other.listen(0, host);
      await once(other, 'listening');
      const { port } = other.address() as AddressInfo;
      await expect(listen(listener(createServer()), { host: 'localhost', port })).rejects.toThrow(/EADDRINUSE/);
      other.close();
      await once(other, 'close');
      expect(await listen(listener(createServer()), { host: 'localhost', port })).toBe(`http://127.0.0.1:${port}`);
    });
  },
);

it('names an address that can be asked when it listens on all', async () => {
  const address = await listen(listener(createServer((_request, response) => response.end())), { host: '::', port: 0 });
  expect((await fetch(address)).status).toBe(200);
});
