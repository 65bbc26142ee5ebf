import { LogController } from 'fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError, apiErrors } from '@holdfast/modules/http';
import { HoldfastError } from '@holdfast/redis-core';

/**
 * Of what Fastify would log by itself only an answer that breaks off after its first bytes, unless that is because nobody
 * waits for it any more. All else is in `plugins/request-log` and `plugins/errors`.
 */
export class StreamErrorLog extends LogController {
  constructor() {
    super({ disableRequestLogging: true });
  }

  override streamError(error: Error, request: FastifyRequest, _reply: FastifyReply): void {
    const { exchange } = request;
    if (exchange === null || exchange.isOver || exchange.explains(error)) return;
    if (error instanceof HoldfastError) {
      // A store that went away, or the like: its own error says so.
      exchange.abandon(error);
      request.log.warn({ err: error, code: error.code }, 'answer broke off');
      return;
    }
    const failure = new ApiError(apiErrors.internal, 'The answer broke off.', { cause: error });
    exchange.abandon(failure);
    request.log.error({ err: error, code: failure.code }, 'answer broke off');
  }
}
