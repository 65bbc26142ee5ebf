import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { ApiError, apiErrors } from './errors.ts';
import { problemContentType, toProblem } from './problem.ts';

/**
 * Answers what Node's HTTP parser refuses, before there is a request that a route could answer: broken HTTP, headers
 * over 16 KiB, a client that is too slow. For Fastify's `clientErrorHandler`.
 */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const answer = describe(error.code ?? '');
  const requestId = randomUUID();
  const body = JSON.stringify(toProblem(answer, requestId));
  const head = [
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ''}`,
    `content-type: ${problemContentType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroySoon());
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
