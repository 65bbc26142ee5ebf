import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { answerRaw } from './client-error.ts';
import { ApiError, apiErrors } from '@holdfast/modules/http';

/** As Node looks for it. */
const expectsContinue = /(?:^|\W)100-continue(?:$|\W)/i;

declare module 'fastify' {
  interface FastifyRequest {
    /** Its caller sends the body only when he is told to, or has waited in vain. */
    awaitsContinue: boolean;
  }
}

/** The body of the request is wanted: a caller who waits to be told is told. */
export function letBodyCome(request: FastifyRequest, reply: FastifyReply): void {
  if (!request.awaitsContinue) return;
  request.awaitsContinue = false;
  reply.removeHeader('connection');
  reply.raw.writeContinue();
}

/**
 * What Node would answer by itself, without a body and a request id, before a route is asked: an expectation that it does
 * not know, a request without a host, a tunnel. (What it cannot even parse is `client-error.ts`.)
 */
export const nodeAnswers = fp(
  async (app: FastifyInstance) => {
    app.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      app.server.emit('request', request, response);
    });
    // Node would tell the caller to send before anybody has looked at what he asks for.
    app.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      app.server.emit('request', request, response);
    });
    app.decorateRequest('awaitsContinue', false);
    app.server.on('connect', (_request: IncomingMessage, socket: Socket) => {
      const refusal = new ApiError(apiErrors.methodNotAllowed, 'This service is no proxy.');
      answerRaw(socket, refusal, ['allow: GET, HEAD, POST, PUT, PATCH, DELETE']);
    });
    app.addHook('onRequest', (request, reply, done) => {
      const { headers, httpVersionMajor, httpVersionMinor } = request.raw;
      const is11 = httpVersionMajor === 1 && httpVersionMinor === 1;
      if (is11 && headers.host === undefined) {
        done(new ApiError(apiErrors.malformedRequest, 'The request has no Host header.'));
      } else if (is11 && headers.expect !== undefined && !expectsContinue.test(headers.expect)) {
        done(new ApiError(apiErrors.expectationFailed, 'The only expectation that is met is 100-continue.'));
      } else {
        if (is11 && headers.expect !== undefined) {
          request.awaitsContinue = true;
          // Until he is told to send, what comes next may be the body or another request: nobody can tell.
          reply.header('connection', 'close');
        }
        done();
      }
    });
  },
  { name: 'node-answers', dependencies: ['exchanges', 'errors'] },
);
