import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError, apiErrors, readBytes, readJsonBody } from '@holdfast/modules/http';

/**
 * JSON, and nothing else; an empty body is no body, whatever its type says. A refused type is refused before its body
 * is read.
 */
export function parseJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', (request, payload, done) => {
    if (request.is404) {
      // Nobody wants it, so nobody keeps it.
      done(null, undefined);
      return;
    }
    readBytes(request, payload, (error, body) => {
      if (error !== null || body === undefined || body.length === 0) {
        done(error, undefined);
        return;
      }
      try {
        done(null, readJsonBody(body, request.routeOptions.config.largeParts));
      } catch (problem) {
        done(problem as Error, undefined);
      }
    });
  });
  app.addContentTypeParser('*', (request, payload, done) => {
    if (request.is404) {
      done(null, undefined);
      return;
    }
    const refuse = (): void => {
      done(new ApiError(apiErrors.unsupportedMediaType, 'Send the body as application/json.'), undefined);
    };
    if (Number(request.headers['content-length']) > 0) {
      refuse();
      return;
    }
    const stop = (): void => {
      payload.off('data', onData).off('end', onEnd).off('error', onError);
    };
    const onData = (): void => {
      stop();
      refuse();
    };
    const onEnd = (): void => {
      stop();
      done(null, undefined);
    };
    const onError = (error: Error): void => {
      stop();
      done(Object.assign(error, { statusCode: 400 }), undefined);
    };
    payload.on('data', onData).on('end', onEnd).on('error', onError).resume();
  });
}

/** A compressed body would be stored, or parsed, as something that it is not. Refused before it is read. */
export function refuseEncodedBodies(app: FastifyInstance): void {
  app.addHook('preParsing', (request, _reply, payload, done) => {
    if (!request.is404 && isEncoded(request)) {
      const problem =
        'Neither a Content-Encoding nor a Transfer-Encoding that compresses is supported: send the body as it is.';
      done(new ApiError(apiErrors.unsupportedMediaType, problem));
    } else done(null, payload);
  });
}

function isEncoded({ headers }: FastifyRequest): boolean {
  const transfer = headers['transfer-encoding'];
  if (transfer === undefined && !(Number(headers['content-length']) > 0)) return false;
  // One that does not end in chunks has no end, which the parser tells.
  if (transfer !== undefined && /,\s*chunked\s*$/i.test(transfer)) return true;
  return (headers['content-encoding'] ?? 'identity').trim().toLowerCase() !== 'identity';
}
