import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Connections } from '../exchanges/connections.ts';
import { ApiError, apiErrors } from '@holdfast/modules/http';
import type { Exchange } from '../exchanges/exchange.ts';
import { sendError } from '../errors/index.ts';
import { problemContentType, toProblem } from '../errors/problem.ts';

/**
 * Answers what Node's HTTP parser refuses: broken HTTP, headers over 16 KiB, a client that is too slow. For Fastify's
 * `clientErrorHandler`.
 */
export function answerClientErrors(connections: Connections) {
  return (error: NodeJS.ErrnoException, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const answer = describe(error.code ?? '');
    const connection = connections.get(socket);
    const receiving = connection?.receiving;
    if (receiving !== undefined && !receiving.request.raw.complete) {
      // Whoever ends in the middle of a body has left.
      if (error.code === 'HPE_INVALID_EOF_STATE') socket.destroy();
      else refuseBody(receiving, answer, socket);
    } else if (connection === undefined) {
      answerRaw(socket, answer);
    } else {
      // Answers go out in the order of the requests.
      connection.whenIdle(() => answerRaw(socket, answer));
    }
  };
}

/** What is answered where there is no request that a route could answer. Closes the connection. */
export function answerRaw(socket: Socket, answer: ApiError, headers: readonly string[] = []): void {
  if (!socket.writable) return;
  const requestId = randomUUID();
  const body = JSON.stringify(toProblem(answer, requestId));
  const head = [
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ''}`,
    `content-type: ${problemContentType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    'connection: close',
    ...headers,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroySoon());
}

/** There is a request, whose body does not come or is not what it should be: that is its answer. */
export function refuseBody(exchange: Exchange, answer: ApiError, socket: Socket): void {
  const { request, reply, isOver, isRefused } = exchange;
  if (isOver || isRefused || reply.sent || reply.raw.headersSent) {
    // It has its answer, and now its end.
    socket.destroySoon();
    return;
  }
  exchange.abandon(answer);
  reply.header('connection', 'close');
  // Who reads the body answers with the error; where nobody does, it is told here.
  if (request.raw.listenerCount('error') > 0) request.raw.emit('error', answer);
  if (!exchange.isRefused) sendError(answer, request, reply);
}

function describe(code: string): ApiError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ApiError(apiErrors.headersTooLarge, 'The URL and the headers have more than 16 KiB.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ApiError(apiErrors.requestTimeout, 'The request did not arrive completely in time.');
    default:
      return new ApiError(apiErrors.malformedRequest, 'The request is not valid HTTP/1.1.');
  }
}
