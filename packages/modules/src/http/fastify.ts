import type { ApiKey } from '@holdfast/config';
import type { Scope } from '@holdfast/contract';
import type { LargeParts } from './json-body.ts';

/** What a caller must be allowed to do, or `public`. */
export type Access = Scope | 'any key' | 'public';

/**
 * What a request is to the process, each with a limit of its own: one of many items is `bulk`; whoever only waits or watches is
 * `wait` or `stream`, and takes no place of those who work; `probe` is always answered.
 */
export type LoadClass = 'read' | 'write' | 'bulk' | 'wait' | 'stream' | 'probe';

/** What the service offers the routes of its modules, and asks of them. Its plugins see to it (`apps/api/src/plugins`). */
declare module 'fastify' {
  interface FastifyInstance {
    /** Aborted when the service begins to close: who waits for something should answer now. */
    readonly closing: AbortSignal;
  }
  interface FastifyRequest {
    /** The API key of the caller; `null` on a public route and while no keys are configured. */
    apiKey: ApiKey | null;
    /**
     * Aborted as soon as nobody waits for the answer: the caller has left, `REQUEST_TIMEOUT` is over, or it is out. Every
     * loop, stream and wait ends with it. Not `signal`, which Fastify aborts as soon as the body was read.
     */
    readonly ended: AbortSignal;
    /**
     * From now on the answer takes so many bytes of memory, until it is out. Each call says it anew.
     * @throws ApiError OVERLOADED where this process has no room for as many
     */
    holdForAnswer(bytes: number): void;
  }
  interface FastifyContextConfig {
    /** Each route says who may call it: a route without it stops the start. */
    access?: Access;
    /** The cache namespace that the request is about, for keys that are limited to some. */
    namespaceOf?: (request: FastifyRequest) => string | undefined;
    /** The handler ends by itself, as all it waits for has a deadline; a timer for each request is then only cost. */
    endsByItself?: boolean;
    /** Default: `read` for GET and HEAD, `write` for all else. */
    load?: LoadClass | ((request: FastifyRequest) => LoadClass);
    /** The body is bytes that no schema describes. */
    rawBody?: boolean;
    /** Where a body of JSON may have more than 64 KiB; the route then has a `bodyLimit` of its own. */
    largeParts?: LargeParts;
  }
}
