import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SoakReceiver {
  readonly url: string;
  /** Requests that were answered with 2xx. */
  readonly deliveries: number;
  close(): Promise<void>;
}

/** Takes deliveries, one in twenty of them only at its second attempt, and tells which job arrived. */
export async function startSoakReceiver(onArrival: (job: string) => void): Promise<SoakReceiver> {
  let requests = 0;
  let deliveries = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      requests += 1;
      if (requests % 20 === 0) return void response.writeHead(500).end();
      const { id } = JSON.parse(Buffer.concat(chunks).toString()) as { readonly id: string };
      deliveries += 1;
      onArrival(id);
      return void response.writeHead(204).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    get deliveries() {
      return deliveries;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
