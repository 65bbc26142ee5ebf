import { ApiError, apiErrors } from '../../http/errors.ts';

export function jobNotFound(): ApiError {
  return new ApiError(apiErrors.jobNotFound, 'The queue has no job with this id.');
}
