import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { takeReply, type PlainReply } from './resp.ts';

export type { PlainReply } from './resp.ts';

/** A Redis address as a URL says it. */
export interface RedisAddress {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly db: number;
}

/** Reads `redis://[user:password@]host[:port][/db]`. */
export function parseRedisUrl(url: string): RedisAddress {
  const parsed = new URL(url);
  return {
    url,
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: parsed.port === '' ? 6379 : Number(parsed.port),
    db: Number(parsed.pathname.slice(1) || '0'),
  };
}

/**
 * A Redis connection of a few lines, so that tests look at Redis, or change it behind a library's back, without the
 * client that is being tested. Speaks RESP2, one request after another, without any reconnecting.
 */
export class PlainRedis {
  readonly #socket: Socket;
  readonly #waiting: PromiseWithResolvers<PlainReply>[] = [];
  #received: Buffer = Buffer.alloc(0);
  #ended: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', (error) => this.#onEnd(error));
    socket.on('close', () => this.#onEnd(new Error('The connection to Redis was closed.')));
  }

  /** Connects, authenticates and selects the database of the URL. */
  static async connect(url: string): Promise<PlainRedis> {
    const address = parseRedisUrl(url);
    const socket = connect({ host: address.host, port: address.port, noDelay: true });
    await once(socket, 'connect');
    const redis = new PlainRedis(socket);
    const { username, password } = new URL(url);
    if (password !== '')
      await redis.send('AUTH', decodeURIComponent(username || 'default'), decodeURIComponent(password));
    if (address.db !== 0) await redis.send('SELECT', String(address.db));
    return redis;
  }

  /** Sends one command. Bulk replies come as UTF-8 strings; an error reply rejects with its text. */
  async send(...argv: string[]): Promise<PlainReply> {
    if (this.#ended !== undefined) throw this.#ended;
    const reply = Promise.withResolvers<PlainReply>();
    this.#waiting.push(reply);
    const parts = argv.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
    this.#socket.write(`*${argv.length}\r\n${parts.join('')}`);
    return reply.promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    for (;;) {
      const taken = takeReply(this.#received, 0);
      if (taken === undefined) return;
      this.#received = this.#received.subarray(taken.end);
      const reply = this.#waiting.shift();
      if (taken.value instanceof Error) reply?.reject(taken.value);
      else reply?.resolve(taken.value);
    }
  }

  #onEnd(error: Error): void {
    this.#ended ??= error;
    for (const reply of this.#waiting.splice(0)) reply.reject(this.#ended);
  }
}

/** Sends one command over a connection of its own: `redisCommand(url, 'FLUSHDB')`. */
export async function redisCommand(url: string, ...argv: string[]): Promise<PlainReply> {
  const redis = await PlainRedis.connect(url);
  try {
    return await redis.send(...argv);
  } finally {
    redis.close();
  }
}
