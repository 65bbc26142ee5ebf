import { withinTime } from '@holdfast/redis-core';
import { Agent, request, type Dispatcher } from 'undici';
import { AddressRefusedError, publicLookup, refusePrivateLiteral } from './address.ts';
import { signatureHeader } from './sign.ts';

export interface DeliveryRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
  /** Tells it to stop before that; `undefined`: nobody does. */
  readonly signal: AbortSignal | undefined;
}

export interface DeliveryResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The first 64 KiB, as text. */
  readonly body: string;
  /** Whether there was more. */
  readonly truncated?: true;
  readonly durationMs: number;
}

/** How much of a response is kept with the job. */
const MAX_BODY_BYTES = 64 * 1024;

/** Sends HTTP requests for jobs: no redirect is followed, and private addresses are refused unless allowed. */
export class Deliverer {
  readonly #allowPrivate: boolean;
  readonly #agent: Dispatcher;

  readonly #onUnsigned: () => void;

  /** @param options `onUnsigned` is called before each request without a signature. */
  constructor(options: { readonly allowPrivate: boolean; readonly onUnsigned?: () => void }) {
    this.#allowPrivate = options.allowPrivate;
    this.#onUnsigned = options.onUnsigned ?? (() => undefined);
    this.#agent = new Agent({
      connect: { timeout: 10_000, ...(options.allowPrivate ? {} : { lookup: publicLookup }) },
      keepAliveTimeout: 4000,
      connections: 64,
      maxResponseSize: 64 * 1024 * 1024,
    });
  }

  /**
   * The answer, whatever its status.
   * @throws AddressRefusedError, or the error of the connection; a TimeoutError after `timeoutMs`
   */
  async send(delivery: DeliveryRequest): Promise<DeliveryResponse> {
    const url = new URL(delivery.url);
    if (!this.#allowPrivate) refusePrivateLiteral(url.hostname);
    if (!Object.hasOwn(delivery.headers, signatureHeader)) this.#onUnsigned();
    const startedAt = performance.now();
    try {
      return await withinTime(delivery.timeoutMs, delivery.signal, async (signal) => {
        const response = await request(url, {
          dispatcher: this.#agent,
          method: delivery.method,
          headers: delivery.headers,
          body: delivery.body ?? null,
          signal,
        });
        const { text, truncated } = await readCapped(response.body);
        return {
          status: response.statusCode,
          headers: flatten(response.headers),
          body: text,
          ...(truncated ? { truncated } : {}),
          durationMs: Math.round(performance.now() - startedAt),
        };
      });
    } catch (error) {
      throw refusalIn(error) ?? error;
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

async function readCapped(body: AsyncIterable<Buffer>): Promise<{ text: string; truncated: boolean }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    // Leaving the loop destroys the stream, and with it the connection.
    if (bytes > MAX_BODY_BYTES) break;
  }
  const text = Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES).toString();
  // What is no text becomes U+FFFD, and U+0000 with it: PostgreSQL, which the embedded queue is on, cannot store it.
  return { text: text.replaceAll('\0', '\uFFFD'), truncated: bytes > MAX_BODY_BYTES };
}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}

/** The refusal may come wrapped in the error of a connection that was tried. */
function refusalIn(error: unknown): AddressRefusedError | undefined {
  if (error instanceof AddressRefusedError) return error;
  return error instanceof Error && error.cause !== undefined ? refusalIn(error.cause) : undefined;
}
