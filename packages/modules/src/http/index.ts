export { mayUseNamespace } from './access.ts';
export { compileValidator } from './compile-validator.ts';
export { durationAt, ttlAt } from './durations.ts';
export { ApiError, apiErrors, invalidRequest } from './errors.ts';
export type { Access, LoadClass } from './fastify.ts';
export { type LargeParts, maxEnvelopeBytes, readJsonBody } from './json-body.ts';
export { parseRawBytes, readBytes } from './raw-bytes.ts';
export { withoutKeywords } from './without-keywords.ts';
