import { createRequire } from 'node:module';
import type * as upstash from '@upstash/redis';
import type { UpstashTarget } from '../connection.ts';
import { findPeer } from '../optional-peer.ts';
import { withinTime } from '../within-time.ts';

/** A command as JSON has it: its name, then its arguments. */
export type RestCommand = readonly (string | number)[];
export type RestReply = { readonly result: unknown } | { readonly error: string };

/** The request was not carried out, or nobody knows; see `UpstashEngine` for what follows from it. */
export class RestFailure extends Error {
  readonly kind: 'not-sent' | 'refused' | 'lost';

  constructor(kind: RestFailure['kind'], message: string) {
    super(message);
    this.name = 'RestFailure';
    this.kind = kind;
  }
}

/** Codes of errors that come before anything was written. */
const notSent = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$|CERT|_TLS_/;

/**
 * Sends commands through the HTTP client of `@upstash/redis`, without what would be wrong here: its decoding of replies
 * (as UTF-8, then as JSON) and its retries.
 */
export class UpstashClient {
  readonly #http: HttpClient;
  #signal: AbortSignal | undefined;

  /** @throws UnsupportedError where `@upstash/redis` is not installed */
  constructor(target: UpstashTarget) {
    this.#http = openHttpClient(target, () => this.#signal ?? AbortSignal.abort());
  }

  /**
   * Sends all in one request (`/pipeline`, also for one command: errors then come per command and not in the text of an
   * HTTP error) and replies in order.
   * @throws RestFailure without the text of any command: that would carry keys and values into logs
   */
  async send(list: readonly RestCommand[], timeoutMs: number, closing: AbortSignal): Promise<readonly RestReply[]> {
    let body: unknown;
    try {
      body = await withinTime(Math.max(1, Math.ceil(timeoutMs)), closing, async (signal) => {
        const headers = { 'Upstash-Encoding': 'base64' };
        this.#signal = signal;
        // The signal is read before the first `await` in there, so calls at the same time do not mix theirs.
        return this.#http.request({ path: ['pipeline'], body: list, headers });
      });
    } catch (error) {
      throw failureOf(error);
    }
    if (!Array.isArray(body) || body.length !== list.length) {
      throw new RestFailure('lost', 'The REST endpoint did not answer with a reply for each command.');
    }
    return body as RestReply[];
  }
}

interface HttpClient {
  request(request: {
    readonly path: string[];
    readonly body: unknown;
    readonly headers: Readonly<Record<string, string>>;
  }): Promise<unknown>;
}

/**
 * Loaded when the first engine of this kind is made, and at once: whoever has configured it without installing it is told
 * by `createEngine`, and not by an outage that never ends.
 */
function openHttpClient(target: UpstashTarget, signal: () => AbortSignal): HttpClient {
  const file = findPeer(
    { name: '@upstash/redis', neededBy: 'Redis over the REST protocol of Upstash' },
    import.meta.url,
  );
  const { Redis } = createRequire(import.meta.url)(file) as typeof upstash;
  // A subclass, because the library shows its HTTP client to nothing else.
  class OpenRedis extends Redis {
    readonly http: HttpClient = this.client;
  }
  return new OpenRedis({
    url: target.url,
    token: target.token,
    automaticDeserialization: false,
    responseEncoding: false,
    enableAutoPipelining: false,
    enableTelemetry: false,
    // Not `false`: that means one retry in this library, and one increment was then applied twice.
    retry: { retries: 0, backoff: () => 0 },
    // A function: with a plain signal an aborted request resolves, with the reason as if it were a reply.
    signal,
  }).http;
}

function failureOf(error: unknown): RestFailure {
  if (!(error instanceof Error)) return new RestFailure('lost', String(error));
  if (error.name === 'TimeoutError' || error.name === 'AbortError') {
    return new RestFailure('lost', 'The REST endpoint did not answer in time.');
  }
  // The library appends the whole request to what the server said.
  if (error.name === 'UpstashError') return new RestFailure('refused', error.message.split(', command was: ')[0] ?? '');
  if (error.name === 'UpstashJSONParseError') {
    // What stands before the endpoint refuses with a page of its own.
    const page = /\b(413|429)\b|(Request Entity|Payload|Content) Too Large|Too Many Requests/i.exec(
      error.message.slice(0, 500),
    );
    if (page !== null)
      return new RestFailure('refused', /413|large/i.test(page[0]) ? 'Content Too Large' : 'Too Many Requests');
    return new RestFailure('lost', 'The REST endpoint answered with something that is not JSON.');
  }
  const cause = error.cause as { code?: unknown; message?: unknown } | undefined;
  const code = typeof cause?.code === 'string' ? cause.code : '';
  const message = typeof cause?.message === 'string' && cause.message !== '' ? cause.message : error.message;
  return new RestFailure(notSent.test(code) ? 'not-sent' : 'lost', code === '' ? message : `${message} (${code})`);
}
