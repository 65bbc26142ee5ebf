import { createHash, timingSafeEqual } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { fastify } from 'fastify';
import { loadData } from './data.ts';
import { RequestError, readPaging } from './paging.ts';
import { stateAt } from './state.ts';
import type { SampleState } from './state.ts';

export interface UpstreamServerOptions {
  /** Default 0: a free one. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** How long every answer is held back. Default 200. */
  readonly latencyMs?: number;
  /** When given, requests without `Authorization: Bearer <apiKey>` are answered 401. */
  readonly apiKey?: string;
  /** The clock that the collection changes by. Default `Date.now`. */
  readonly now?: () => number;
}

export interface UpstreamServer {
  /** `http://host:port`, without a trailing slash. */
  readonly url: string;
  /** Ends at once, open requests included. */
  close(): Promise<void>;
}

/**
 * Starts the sample upstream: a slow, paginated GPU cloud whose instances and products change every minute.
 * @throws when the port is taken.
 */
export async function startUpstream(options: UpstreamServerOptions = {}): Promise<UpstreamServer> {
  const { port = 0, host = '127.0.0.1', latencyMs = 200, apiKey, now = Date.now } = options;
  const data = loadData();
  const current = perMinute((time) => stateAt(data, time), now);
  const stopped = new AbortController();

  const app = fastify({
    forceCloseConnections: true,
    requestTimeout: 10_000,
    connectionTimeout: 30_000,
    bodyLimit: 1024,
  });
  app.addHook('onRequest', async (request) => {
    if (latencyMs > 0) await delay(latencyMs, undefined, { signal: stopped.signal });
    if (apiKey !== undefined && !isBearer(request.headers.authorization, apiKey)) {
      throw new RequestError(401, 'Missing or wrong API key.');
    }
  });
  app.setErrorHandler(async (error, _request, reply) => {
    const code = error instanceof RequestError ? error.statusCode : 500;
    return reply.code(code).send({ code, message: error instanceof RequestError ? error.message : 'Internal error.' });
  });
  app.setNotFoundHandler(async (_request, reply) => reply.code(404).send({ code: 404, message: 'No such path.' }));

  app.get('/gpu-instance/openapi/v1/gpu/instances', (request) => {
    const { pageNum, pageSize } = readPaging(request.query);
    const { instances } = current();
    return { instances: slice(instances, pageNum, pageSize), pageSize, pageNum, total: instances.length };
  });
  app.get<{ Params: { id: string } }>('/gpu-instance/openapi/v1/gpu/instances/:id', (request) => {
    const found = current().instances.find(({ id }) => id === request.params.id);
    if (found === undefined) throw new RequestError(404, 'No such instance.');
    return found;
  });
  app.get('/gpu-instance/openapi/v1/products', (request) => {
    const { products } = current();
    if (!isPaged(request.query)) return { data: products };
    const { pageNum, pageSize } = readPaging(request.query);
    return { data: slice(products, pageNum, pageSize), pageSize, pageNum, total: products.length };
  });

  const url = await app.listen({ port, host });
  return {
    url,
    close: async () => {
      stopped.abort();
      await app.close();
    },
  };
}

function slice<Item>(items: readonly Item[], pageNum: number, pageSize: number): readonly Item[] {
  return items.slice((pageNum - 1) * pageSize, pageNum * pageSize);
}

function isPaged(query: unknown): boolean {
  return typeof query === 'object' && query !== null && ('pageNum' in query || 'pageSize' in query);
}

/** A state is the same for a whole minute, so it is computed once in it. */
function perMinute(compute: (time: number) => SampleState, now: () => number): () => SampleState {
  let known: { minute: number; state: SampleState } | undefined;
  return () => {
    const time = now();
    const minute = Math.floor(time / 60_000);
    if (known?.minute !== minute) known = { minute, state: compute(time) };
    return known.state;
  };
}

function isBearer(header: string | undefined, apiKey: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(header ?? ''), digest(`Bearer ${apiKey}`));
}
