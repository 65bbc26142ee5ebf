import { ApiError, apiErrors } from '@holdfast/modules/http';

/** The text that a part of a URL stands for. @throws ApiError URL_INVALID where it stands for none */
export function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new ApiError(apiErrors.urlInvalid, `The ${what} has a percent-encoding that is not valid UTF-8.`, { cause });
  }
}
