import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';

export type Answer = (request: IncomingMessage, response: ServerResponse, url: URL) => void;

export interface HttpFixture {
  readonly url: string;
  /** Path and query of every request so far. */
  readonly requests: string[];
  /** From now on. */
  answer(next: Answer): void;
}

/** A real HTTP server on loopback, for answers that a well-behaved server cannot give; closed after the test. */
export async function startHttp(first: Answer): Promise<HttpFixture> {
  let current = first;
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    current(request, response, new URL(request.url ?? '/', 'http://fixture.invalid'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.');
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    answer(next) {
      current = next;
    },
  };
}

export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/** Answers like a good upstream that holds `list()`, in the shape that `sampleSource` reads. */
export function pagesOf(list: () => readonly object[], { total = true } = {}): Answer {
  return (_request, response, url) => {
    const page = Number(url.searchParams.get('page') ?? 1);
    const size = Number(url.searchParams.get('size') ?? 1_000_000);
    const things = list().slice((page - 1) * size, page * size);
    sendJson(response, total ? { things, total: list().length } : { things });
  };
}
