import { HoldfastError, InvalidKeyError } from '@holdfast/redis-core';
import { ApiError, apiErrors } from '@holdfast/modules/http';
import type { FastifyRequest } from 'fastify';

/**
 * What Fastify itself refuses, in the words of our catalogue; `undefined` for an error that is nobody's on purpose, and
 * so a fault of the service.
 */
export function fromFastifyError(error: unknown, request: FastifyRequest): HoldfastError | undefined {
  if (error instanceof HoldfastError) return error;
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error ? String(error.code) : '';
  const cause = { cause: error };
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE': {
      const { bodyLimit } = request.routeOptions;
      return new ApiError(apiErrors.bodyTooLarge, `This route takes a body of at most ${bodyLimit} bytes.`, cause);
    }
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return new ApiError(apiErrors.bodyInvalidJson, 'The body cannot be parsed as JSON.', cause);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ApiError(apiErrors.unsupportedMediaType, 'The Content-Type header is not a valid media type.', cause);
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new ApiError(apiErrors.malformedRequest, 'The body is not as long as Content-Length says.', cause);
    case 'FST_ERR_ROUTE_MISSING_CONTENT_TYPE':
      return new ApiError(apiErrors.unsupportedMediaType, 'The request has no Content-Type header.', cause);
    case 'FST_ERR_HANDLER_TIMEOUT':
      return new ApiError(apiErrors.handlerTimeout, 'The answer was not ready in time.', cause);
    case 'FST_ERR_BAD_URL':
      return new ApiError(apiErrors.urlInvalid, 'The path has a percent-encoding that is not valid UTF-8.', cause);
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new InvalidKeyError('A key or a name in the path is too long.', cause);
    default:
      return clientError(error);
  }
}

/** Any other 4xx of Fastify and of the streams below it (a request that was cut off has 400). */
function clientError(error: Error): HoldfastError | undefined {
  const status = 'statusCode' in error ? error.statusCode : undefined;
  if (typeof status !== 'number' || status < 400 || status > 499) return undefined;
  return new ApiError(apiErrors.malformedRequest, 'The request could not be read.', { cause: error });
}
