import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';

export interface DocumentedUpstash {
  readonly url: string;
  readonly token: string;
  /** How many commands each request since the start had. */
  readonly requests: readonly number[];
  /** From now on each request is answered so by its text, or never; `undefined`: by Redis, as always. */
  answerWith(fault: ((body: string) => Fault | undefined) | undefined): void;
  close(): Promise<void>;
}

/** A status and the text of the error, or no answer at all. */
export type Fault = { readonly status: number; readonly error: string } | 'silence';

/**
 * What the documentation of Upstash's REST API says and the other test server leaves out, before a real Redis: base64
 * replies, the token on every path, errors as HTTP 400, subscriptions as server-sent events.
 */
export async function startDocumentedUpstash(address: {
  host: string;
  port: number;
  /** Default: a free port. */
  listen?: number;
}): Promise<DocumentedUpstash> {
  const token = 'documented';
  const { host, port } = address;
  const redis = new Redis({ host, port, protocol: 2 });
  const subscribers = new Set<Redis>();
  const requests: number[] = [];
  let faultOf: ((body: string) => Fault | undefined) | undefined;
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else reply(response, 500, { error: String(error) });
    });
  });
  // A request that is sent while the server closes its connection is lost: not within a test.
  server.keepAliveTimeout = 60_000;
  server.listen(address.listen ?? 0, '127.0.0.1');
  await once(server, 'listening');

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.headers.authorization !== `Bearer ${token}`) {
      return reply(response, 401, { error: 'WRONGPASS invalid or missing auth token' });
    }
    const [, kind = '', channel = ''] = (request.url ?? '').split('/');
    if (kind === 'subscribe') return subscribe(decodeURIComponent(channel), response);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const body = JSON.parse(text) as (string | number)[][];
    requests.push(body.length);
    const fault = faultOf?.(text);
    if (fault === 'silence') return;
    // An error without a status of its own is that of each command.
    if (fault?.status === 200)
      return reply(
        response,
        200,
        body.map(() => ({ error: fault.error })),
      );
    if (fault !== undefined) return reply(response, fault.status, { error: fault.error });
    const encode = request.headers['upstash-encoding'] === 'base64' ? base64 : utf8;
    const pipeline = redis.pipeline();
    for (const [name, ...args] of body) pipeline.callBuffer(String(name), ...args.map(String));
    const results = (await pipeline.exec()) ?? [];
    reply(
      response,
      200,
      results.map(([error, result]) => (error === null ? { result: encode(result) } : { error: error.message })),
    );
  }

  async function subscribe(channel: string, response: ServerResponse): Promise<void> {
    const subscriber = new Redis({ host, port, protocol: 2 });
    subscribers.add(subscriber);
    response.on('close', () => subscriber.disconnect());
    const subscribed = subscriber.subscribe(channel);
    // A message may be read from the socket together with the confirmation: it is told after it all the same.
    subscriber.on('message', (from: string, message: string) => {
      void subscribed.then(() => response.write(`data: message,${from},${message}\n\n`));
    });
    const count = await subscribed;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(`data: subscribe,${channel},${String(count)}\n\n`);
  }

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    requests,
    answerWith(fault) {
      faultOf = fault;
    },
    async close() {
      for (const subscriber of subscribers) subscriber.disconnect();
      redis.disconnect();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function base64(result: unknown): unknown {
  if (Array.isArray(result)) return result.map(base64);
  if (!Buffer.isBuffer(result)) return result;
  const text = result.toString('base64');
  // The one reply that stays as it is.
  return text === 'T0s=' ? 'OK' : text;
}

function utf8(result: unknown): unknown {
  if (Array.isArray(result)) return result.map(utf8);
  return Buffer.isBuffer(result) ? result.toString() : result;
}
