import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { answerRaw } from './client-error.ts';
import { ApiError, apiErrors } from '@holdfast/modules/http';

/** As Node looks for it. */
const expectsContinue = /(?:^|\W)100-continue(?:$|\W)/i;

/**
 * What Node would answer by itself, without a body and a request id, before a route is asked: an expectation that it does
 * not know, a request without a host, a tunnel. (What it cannot even parse is `client-error.ts`.)
 */
export const nodeAnswers = fp(
  async (app: FastifyInstance) => {
    app.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      app.server.emit('request', request, response);
    });
    app.server.on('connect', (_request: IncomingMessage, socket: Socket) => {
      const refusal = new ApiError(apiErrors.methodNotAllowed, 'This service is no proxy.');
      answerRaw(socket, refusal, ['allow: GET, HEAD, POST, PUT, PATCH, DELETE']);
    });
    app.addHook('onRequest', (request, _reply, done) => {
      const { headers, httpVersionMajor, httpVersionMinor } = request.raw;
      const is11 = httpVersionMajor === 1 && httpVersionMinor === 1;
      if (is11 && headers.host === undefined) {
        done(new ApiError(apiErrors.malformedRequest, 'The request has no Host header.'));
      } else if (is11 && headers.expect !== undefined && !expectsContinue.test(headers.expect)) {
        done(new ApiError(apiErrors.expectationFailed, 'The only expectation that is met is 100-continue.'));
      } else done();
    });
  },
  { name: 'node-answers', dependencies: ['exchanges', 'errors'] },
);
