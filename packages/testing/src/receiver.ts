import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Receiver {
  readonly url: string;
  readonly port: number;
  /** What came, in the order of arrival. */
  readonly received: readonly Received[];
  /** How many sockets were opened, whether a request came over them or not. */
  readonly connections: number;
  /** What the next requests are answered with. */
  answer: (request: Received, response: ServerResponse) => void;
  /** Forgets what came, and answers 204 again. */
  reset(): void;
  close(): Promise<void>;
}

const noContent: Receiver['answer'] = (_request, response) => void response.writeHead(204).end();

/** A real HTTP server that deliveries go to. It listens on all addresses of this machine, so that each leads to it. */
export async function startReceiver(): Promise<Receiver> {
  let received: Received[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    void (async () => {
      const entry = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        body: await read(request),
      };
      received.push(entry);
      receiver.answer(entry, response);
    })();
  });
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(0, '::');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}`,
    port,
    get received() {
      return received;
    },
    get connections() {
      return connections;
    },
    answer: noContent,
    reset() {
      received = [];
      connections = 0;
      receiver.answer = noContent;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return receiver;
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
