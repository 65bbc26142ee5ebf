import { isUtf8 } from 'node:buffer';
import { type JsonOutline, type JsonPart, outlineJson, withinTime } from '@holdfast/redis-core';
import {
  UpstreamFailedError,
  UpstreamIncompleteError,
  UpstreamNotJsonError,
  UpstreamRejectedError,
  UpstreamTimeoutError,
  UpstreamTooLargeError,
  UpstreamUnreachableError,
  UpstreamUrlInvalidError,
} from './errors.ts';
import type { UpstreamOptions } from './options.ts';

export interface JsonRequest {
  /** Below the base URL; may carry a query string. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** From the first byte sent to the last byte of the body. */
  readonly timeoutMs: number;
  /** Of the body, after decompression. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
}

/** How much of a body is looked into: see `outlineJson` of redis-core. */
export interface OutlineBounds {
  readonly levels: number;
  readonly maxParts: number;
}

/** A body of JSON that was not parsed. */
export interface OutlinedJson {
  readonly bytes: Buffer;
  readonly whole: JsonPart;
}

/**
 * Reads JSON from one upstream. Every request has a deadline, every body a bound, and redirects are not followed (the
 * key would travel with them). Nothing is retried here: a sync is retried as a whole, by the job that runs it.
 *
 * Messages name the path and the status, never the query, the key or the body.
 */
export class UpstreamClient {
  readonly #base: URL;
  readonly #headers: Readonly<Record<string, string>>;

  /** @throws {UpstreamUrlInvalidError} */
  constructor(options: UpstreamOptions) {
    this.#base = parseBaseUrl(options.baseUrl);
    this.#headers = {
      accept: 'application/json',
      ...(options.apiKey === undefined ? {} : { authorization: `Bearer ${checkedKey(options.apiKey)}` }),
    };
  }

  /** The complete address of a path, for people; without any query, which may hold what is not for them. */
  url(path: string): string {
    const { origin, pathname } = this.#resolve(path);
    return origin + pathname;
  }

  /**
   * @returns the parsed body of a 2xx answer.
   * @throws an `Upstream…Error`, or the signal's reason once that is aborted.
   */
  async getJson(request: JsonRequest): Promise<unknown> {
    const { bytes } = await this.getOutline(request, { levels: 0, maxParts: 0 });
    return JSON.parse(bytes.toString());
  }

  /**
   * @returns the body of a 2xx answer, unparsed, and what is in it.
   * @throws an `Upstream…Error`, or the signal's reason once that is aborted.
   */
  async getOutline(request: JsonRequest, { levels, maxParts }: OutlineBounds): Promise<OutlinedJson> {
    const url = this.#resolve(request.path);
    for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value);
    const what = `GET ${url.pathname}`;
    let isLate = false;
    try {
      const bytes = await withinTime(request.timeoutMs, request.signal, async (signal) => {
        signal.addEventListener('abort', () => (isLate = true), { once: true });
        const response = await fetch(url, { headers: this.#headers, redirect: 'manual', signal });
        return acceptedBytes(response, request.maxBytes, what);
      });
      return { bytes, whole: outlined(outlineJson(bytes, levels, maxParts), bytes, what) };
    } catch (error) {
      request.signal?.throwIfAborted();
      if (isLate) throw new UpstreamTimeoutError(`${what} took longer than ${request.timeoutMs} ms.`);
      throw error instanceof TypeError ? connectionError(error, what) : error;
    }
  }

  #resolve(path: string): URL {
    const relative = new URL(path, 'http://relative.invalid');
    const url = new URL(this.#base);
    url.pathname = url.pathname.replace(/\/+$/, '') + relative.pathname;
    url.search = relative.search;
    return url;
  }
}

function parseBaseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new UpstreamUrlInvalidError('The base URL of an upstream must be an absolute http or https URL.');
  }
  // fetch refuses credentials with an error that prints them.
  if (url.username !== '' || url.password !== '') {
    throw new UpstreamUrlInvalidError('The base URL of an upstream must not carry credentials; use the API key.');
  }
  if (url.search !== '' || url.hash !== '') {
    throw new UpstreamUrlInvalidError('The base URL of an upstream must not have a query or a fragment.');
  }
  return url;
}

function checkedKey(key: string): string {
  // fetch refuses such a header with an error that prints it.
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new UpstreamUrlInvalidError('The API key of an upstream must be visible ASCII without spaces or line ends.');
  }
  return key;
}

async function acceptedBytes(response: Response, maxBytes: number, what: string): Promise<Buffer> {
  const { status } = response;
  const contentType = response.headers.get('content-type') ?? '';
  const problem = statusProblem(status, what) ?? typeProblem(status, contentType, what);
  if (problem !== undefined) {
    await response.body?.cancel();
    throw problem;
  }
  return readBytes(response, maxBytes, what);
}

function statusProblem(status: number, what: string): Error | undefined {
  const message = `${what} was answered with status ${status}.`;
  if (status >= 500 || status === 408 || status === 429) return new UpstreamFailedError(message);
  if (status >= 300) return new UpstreamRejectedError(message);
  return undefined;
}

function typeProblem(status: number, contentType: string, what: string): Error | undefined {
  const [type = ''] = contentType.toLowerCase().split(';');
  if (/^application\/(?:[\w.+-]+\+)?json$/.test(type.trim())) return undefined;
  const named = /^[\w.+-]+\/[\w.+-]+$/.test(type.trim()) ? type.trim() : 'no known content type';
  return new UpstreamNotJsonError(`${what} was answered with status ${status} and ${named}, not JSON.`);
}

/** Reads the body as a stream, so that one that never ends is left at the bound and not at the end of memory. */
async function readBytes(response: Response, maxBytes: number, what: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) throw new UpstreamTooLargeError(`${what} was answered with more than ${maxBytes} bytes.`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UpstreamIncompleteError(`${what}: the connection ended within the body, after ${bytes} bytes.`, {
      cause: error,
    });
  }
  return textOf(Buffer.concat(chunks));
}

/** As UTF-8, without a byte order mark; what is none is replaced, as a browser does. */
function textOf(bytes: Buffer): Buffer {
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return isUtf8(bytes) && !hasMark ? bytes : Buffer.from(new TextDecoder().decode(bytes));
}

/** No error quotes the body. */
function outlined(outline: JsonOutline, bytes: Buffer, what: string): JsonPart {
  if (outline === 'cut off' && bytes.toString().trim() === '') {
    throw new UpstreamNotJsonError(`${what} was answered with an empty body.`);
  }
  if (outline === 'cut off') throw new UpstreamIncompleteError(`${what}: the JSON is cut off.`);
  if (outline === 'invalid') throw new UpstreamNotJsonError(`${what}: the body is announced as JSON and is none.`);
  if (outline === 'too many parts') throw new UpstreamTooLargeError(`${what} was answered with too many items.`);
  return outline;
}

function connectionError(error: TypeError, what: string): Error {
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? ` (${cause.code})` : '';
  return new UpstreamUnreachableError(`${what}: no answer from the upstream${code}.`, { cause: error });
}
