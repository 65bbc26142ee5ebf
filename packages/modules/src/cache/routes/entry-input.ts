import { isSendableType } from './entry-reply.ts';
import { checkJson } from '@holdfast/redis-core';
import { ApiError, apiErrors } from '../../http/errors.ts';
import { tooDeep } from '../../http/json-body.ts';

/** The header comes back on every read, so it is bounded; without one the bytes are just bytes. */
export function contentTypeOf(header: string | undefined): string {
  if (header === undefined || header === '') return 'application/octet-stream';
  if (!isSendableType(header)) {
    throw new ApiError(
      apiErrors.unsupportedMediaType,
      'The Content-Type has more than 256 characters, or one that no header may have.',
    );
  }
  return header;
}

/** Also `application/problem+json` and its like; tabs and spaces may stand around the semicolon (RFC 9110, 8.3.1). */
export function isJsonType(contentType: string): boolean {
  return /^application\/(?:[^;]+\+)?json[ \t]*(?:;|$)/i.test(contentType);
}

/** @throws ApiError BODY_INVALID_JSON when the type says JSON and the body is not; JSON_TOO_DEEP */
export function requireJson(contentType: string, body: Buffer): void {
  if (!isJsonType(contentType)) return;
  const check = checkJson(body);
  if (check === 'invalid') {
    throw new ApiError(apiErrors.bodyInvalidJson, `The body is not valid JSON, which its Content-Type says it is.`);
  }
  // Whoever reads it among many gets it as a part of one JSON, and may write it back so.
  if (check === 'too deep') throw tooDeep('body');
}

/** Tags by comma, each once; the cache says what a tag may be. */
export function parseTags(text: string): string[] {
  return [...new Set(text.split(','))];
}
