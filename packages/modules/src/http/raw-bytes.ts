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
  app.addContentTypeParser('*', (request, payload, done) => readBytes(request, payload, done, allocate));
}

/** Called once, and at once where there is an error: whoever refuses a body half read may then see that it is answered. */
type Done = (error: Error | null, body?: Buffer) => void;

/**
 * Gives the body of a request as one piece. Refuses what Fastify's own parsers refuse, with the same errors.
 *
 * Nothing is kept of the pieces that it comes in: a caller may make them of one byte, and each would cost a hundred times that.
 */
export function readBytes(
  request: FastifyRequest,
  payload: Readable,
  done: Done,
  allocate: Allocate = (bytes) => Buffer.allocUnsafe(bytes),
): void {
  const { headers, routeOptions } = request;
  const limit = routeOptions.bodyLimit;
  const length = headers['content-length'] === undefined ? undefined : Number(headers['content-length']);
  if (length !== undefined && length > limit) {
    done(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
    return;
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
    done(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
  };
  const onEnd = (): void => {
    stop();
    if (length !== undefined && body.received !== length) done(new errorCodes.FST_ERR_CTP_INVALID_CONTENT_LENGTH());
    else done(null, body.whole());
  };
  const onError = (error: Error): void => {
    stop();
    done(Object.assign(error, { statusCode: 400 }));
  };
  payload.on('data', onData).on('end', onEnd).on('error', onError).resume();
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

/** The least that a block of a body of unknown length takes, and the most. */
const blockBytes = { min: 4 * 1024, max: 256 * 1024 };

/** In chunks (RFC 9112, 7.1), which do not say how many will come: they are put together to blocks, each larger than the one before. */
class GrowingBody {
  received = 0;
  readonly #allocate: Allocate;
  readonly #full: Buffer[] = [];
  #block = Buffer.alloc(0);
  #used = 0;

  constructor(allocate: Allocate) {
    this.#allocate = allocate;
  }

  add(chunk: Buffer): void {
    this.received += chunk.length;
    let taken = 0;
    while (taken < chunk.length) {
      if (this.#used === this.#block.length) this.#startBlock(chunk.length - taken);
      const copied = chunk.copy(this.#block, this.#used, taken);
      this.#used += copied;
      taken += copied;
    }
  }

  whole(): Buffer {
    const whole = this.#allocate(this.received);
    let at = 0;
    for (const block of this.#full) at += block.copy(whole, at);
    this.#block.copy(whole, at, 0, this.#used);
    return whole;
  }

  #startBlock(bytes: number): void {
    if (this.#used > 0) this.#full.push(this.#block);
    const grown = Math.max(bytes, Math.min(this.received, blockBytes.max), blockBytes.min);
    this.#block = Buffer.allocUnsafeSlow(grown);
    this.#used = 0;
  }
}
