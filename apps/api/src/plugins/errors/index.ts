import type { HoldfastError } from '@holdfast/redis-core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { ApiError, apiErrors } from '@holdfast/modules/http';
import { fromFastifyError } from './fastify-error.ts';
import { problemContentType, retryAfterSeconds, toProblem } from './problem.ts';
import { droppedBytes, withUnreadBody } from './unread-body.ts';

/** How long a client may go on sending a body that has already been refused. */
const lingerMs = 5000;

/** Every error leaves as problem+json; what nobody raised on purpose leaves as INTERNAL, without a word of its message. */
export const errors = fp(
  async (app) => {
    app.setErrorHandler((error, request, reply) => sendError(error, request, reply));
    app.setNotFoundHandler((request, reply) => {
      const allowed = app.methodsOf(request.url.split('?', 1)[0] ?? '');
      if (allowed.length === 0) {
        return sendError(new ApiError(apiErrors.routeNotFound, 'No route matches this path.'), request, reply);
      }
      reply.header('allow', allowed.join(', '));
      const detail = `This path takes ${allowed.join(', ')}.`;
      return sendError(new ApiError(apiErrors.methodNotAllowed, detail), request, reply);
    });
  },
  { name: 'errors', dependencies: ['route-table'] },
);

/** Also Fastify's `frameworkErrors`: there the hooks do not run, so the request id is set here. */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { exchange } = request;
  // Whoever reads a body is told of its refusal as well, some a turn later.
  if (exchange?.isRefused === true) return reply;
  // There is none where Fastify refuses a request before its hooks.
  if (exchange?.isRefused === false) exchange.isRefused = true;
  const known = fromFastifyError(error, request);
  const answer = known === undefined ? internal(error) : withRequestPaths(known, request);
  const isOnlyLeaving = exchange?.isGone === true && exchange.explains(error);
  if (answer.status >= 500 && !isOnlyLeaving && exchange?.isShed !== true) {
    // What passes by itself is known by its code; a stack for each call of an outage would bury the log.
    if (answer.retryable) request.log.warn({ code: answer.code, reason: answer.message }, 'request failed');
    else request.log.error({ err: error, code: answer.code }, 'request failed');
  }
  const retryAfter = retryAfterSeconds(answer);
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter);
  if (answer.status === 401 && !reply.hasHeader('www-authenticate')) {
    reply.header('www-authenticate', 'Bearer realm="holdfast"');
  }
  if (answer.status === 413) linger(request, reply);
  reply.code(answer.status).header('x-request-id', request.id).type(problemContentType);
  const text = JSON.stringify(toProblem(answer, request.id));
  if (exchange?.isShed !== true || !isMuchComing(request)) return reply.send(text);
  return reply
    .header('connection', 'close')
    .header('content-length', Buffer.byteLength(text))
    .send(withUnreadBody(text, request.raw));
}

/** Whether more of a body may come than is read away, which Node does by itself. */
function isMuchComing({ raw, headers }: FastifyRequest): boolean {
  if (raw.complete) return false;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > droppedBytes;
}

function internal(error: unknown): ApiError {
  return new ApiError(apiErrors.internal, 'The request failed; the log has the details under the request id.', {
    cause: error,
  });
}

/** A library names an argument (`key`); a caller of the service knows it as `params.key` or `query.prefix`. */
function withRequestPaths(error: HoldfastError, request: FastifyRequest): HoldfastError {
  if (error.issues.length === 0) return error;
  const rename = (path: string): string => {
    // A path into the body, as the libraries see their options, may be a name in the query.
    if (path.startsWith('/') && isOwn(request.query, path.slice(1))) return `query.${path.slice(1)}`;
    for (const name of [path, ...(parametersOf[path] ?? [])]) {
      if (isOwn(request.params, name)) return `params.${name}`;
      if (isOwn(request.query, name)) return `query.${name}`;
    }
    return path;
  };
  const issues = error.issues.map((issue) => ({ ...issue, path: rename(issue.path) }));
  const { code, status, retryable, retryAfterMs } = error;
  const definition = { code, status, title: '', retryable };
  return new ApiError(definition, error.message, {
    cause: error,
    issues,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** What the libraries call in full and the paths of the API by a letter or two. */
const parametersOf: Readonly<Record<string, readonly string[]>> = {
  namespace: ['ns'],
  queue: ['q'],
  source: ['s'],
  key: ['id'],
};

function isOwn(record: unknown, name: string): boolean {
  return typeof record === 'object' && record !== null && Object.hasOwn(record, name);
}

/**
 * Closing the socket while the client is still sending makes the kernel reset the connection, and the client never
 * reads the 413. So the rest of the body is read and dropped, for a bounded time.
 */
function linger(request: FastifyRequest, reply: FastifyReply): void {
  if (!request.awaitsContinue) reply.removeHeader('connection');
  const { raw } = request;
  if (raw.complete) return;
  raw.resume();
  const timer = setTimeout(() => raw.destroy(), lingerMs);
  timer.unref();
  raw.once('end', () => clearTimeout(timer));
  raw.once('close', () => clearTimeout(timer));
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The methods that routes take on this concrete path, sorted. */
    methodsOf(path: string): string[];
  }
}

/** Knows all routes, so that a wrong method can be told from a wrong path. Registered before the first route. */
export const routeTable = fp(
  async (app: FastifyInstance) => {
    const routes: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = [];
    app.addHook('onRoute', ({ url, method }) => {
      const pattern = new RegExp(`^${url.replaceAll(/[.+?^$()[\]{}|\\]/g, '\\$&').replaceAll(/:[^/]+/g, '[^/]+')}$`);
      routes.push({ pattern, methods: [method].flat() });
    });
    app.decorate('methodsOf', (path: string) => {
      const methods = routes.filter(({ pattern }) => pattern.test(path)).flatMap((route) => route.methods);
      return [...new Set(methods)].sort();
    });
  },
  { name: 'route-table' },
);
