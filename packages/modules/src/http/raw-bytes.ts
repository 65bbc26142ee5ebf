import { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { errorCodes, type FastifyInstance, type FastifyRequest } from 'fastify';

/** Memory for a body of so many bytes. */
type Allocate = (bytes: number) => Buffer;

/**
 * Any type, as the bytes that came: for the routes that store them. They are written into the memory that `allocate` gives as
 * they come: Fastify's own way keeps all pieces until the last has come, and then makes a second whole of them.
 */
export function parseRawBytes(app: FastifyInstance, allocate: Allocate): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (request: FastifyRequest, payload: IncomingMessage) =>
    readBytes(request, payload, allocate),
  );
}

/** Refuses what Fastify's own parsers refuse, with the same errors. */
function readBytes(request: FastifyRequest, payload: Readable, allocate: Allocate): Promise<Buffer> {
  const { headers, routeOptions } = request;
  const limit = routeOptions.bodyLimit;
  const length = headers['content-length'] === undefined ? undefined : Number(headers['content-length']);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  if (length !== undefined && length > limit) {
    reject(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
    return promise;
  }
  const isFromSocket = payload instanceof IncomingMessage;
  const body = length === undefined ? new GrowingBody(allocate) : new KnownBody(allocate, length);
  const stop = (): void => {
    payload.off('data', onData).off('end', onEnd).off('error', onError);
  };
  const onData = (chunk: Buffer): void => {
    body.add(chunk);
    if (isFromSocket && length !== undefined) free(chunk);
    if (body.received <= limit) return;
    stop();
    reject(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
  };
  const onEnd = (): void => {
    stop();
    if (length !== undefined && body.received !== length) reject(new errorCodes.FST_ERR_CTP_INVALID_CONTENT_LENGTH());
    else resolve(body.whole());
  };
  const onError = (error: Error): void => {
    stop();
    reject(Object.assign(error, { statusCode: 400 }));
  };
  payload.on('data', onData).on('end', onEnd).on('error', onError).resume();
  return promise;
}

/**
 * Gives the memory of a piece back at once. Node makes each piece of a request as a copy for whoever listens here; as garbage it
 * would stay until the whole heap is gone through, and make that happen every few requests.
 */
function free({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

/** As long as its Content-Length says: each piece is put where it belongs, and is then garbage. */
class KnownBody {
  received = 0;
  readonly #allocate: Allocate;
  readonly #length: number;
  /** Made with the first piece: who only says that much will come does not get it. */
  #whole: Buffer | undefined;

  constructor(allocate: Allocate, length: number) {
    this.#allocate = allocate;
    this.#length = length;
  }

  add(chunk: Buffer): void {
    this.#whole ??= this.#allocate(this.#length);
    this.received += chunk.copy(this.#whole, this.received);
  }

  whole(): Buffer {
    return this.#whole ?? Buffer.alloc(0);
  }
}

/** In chunks (RFC 9112, 7.1), which do not say how many will come. */
class GrowingBody {
  received = 0;
  readonly #allocate: Allocate;
  readonly #pieces: Buffer[] = [];

  constructor(allocate: Allocate) {
    this.#allocate = allocate;
  }

  add(chunk: Buffer): void {
    this.#pieces.push(chunk);
    this.received += chunk.length;
  }

  whole(): Buffer {
    const whole = this.#allocate(this.received);
    let at = 0;
    for (const piece of this.#pieces) at += piece.copy(whole, at);
    return whole;
  }
}
