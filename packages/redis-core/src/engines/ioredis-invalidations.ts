import type { Redis } from 'ioredis';
import { isCommandRefused } from '../server-limits.ts';

const CHANNEL = '__redis__:invalidate';
/** How often it is looked for signs of life within each heartbeat, at least; silence is noticed one look before its end. */
const LOOKS = 8;
/** A look costs nothing, so that a long heartbeat has more of them… */
const LOOK_MAX_MS = 500;
/** …and all but this of it can pass before a sign is asked for. */
const ANSWER_MAX_MS = 2000;

export interface InvalidationConnectionOptions {
  readonly heartbeatMs: number;
  readonly connectionTimeoutMs: number;
  /** Subscribed: `identity` is known. */
  readonly onReady: () => void;
  /** These keys changed, or with `null` all of them. */
  readonly onKeys: (keys: readonly string[] | null) => void;
  /** Nothing was heard for longer than the heartbeat allows. `onSound` or `onLost` follows. */
  readonly onSilence: () => void;
  /** Heard after all: this process had been busy, not the network. */
  readonly onSound: () => void;
  /** It is gone, or was never there. Nothing is called after this, and it is called once unless `destroy` came first. */
  readonly onLost: (connection: InvalidationConnection, reason: string, wasRefused: boolean) => void;
}

export interface ConnectionIdentity {
  readonly clientId: number;
  /** What the server it leads to calls itself, or the connection: see `serverMark`. */
  readonly mark: string;
}

/**
 * One connection that receives invalidations; it lives once and is never reconnected, because Redis knows it by an id
 * that a new connection does not have. A connection that only listens cannot tell silence from a dead network, so it is
 * pinged, and given up when it answers too late.
 */
export class InvalidationConnection {
  readonly #client: Redis;
  readonly #options: InvalidationConnectionOptions;
  readonly #lookMs: number;
  #identity: ConnectionIdentity | undefined;
  #connectTimer: NodeJS.Timeout | undefined;
  #heartbeatTimer: NodeJS.Timeout | undefined;
  #heardAt = 0;
  #isPinging = false;
  #reason = 'the subscriber connection was closed';
  #wasRefused = false;
  #isOver = false;

  constructor(client: Redis, options: InvalidationConnectionOptions) {
    this.#client = client;
    this.#options = options;
    this.#lookMs = Math.min(options.heartbeatMs / LOOKS, LOOK_MAX_MS);
    client.on('error', (error: Error) => {
      this.#reason = error.message;
    });
    client.once('close', () => this.#lose());
    client.on('messageBuffer', (_channel: Buffer, payload: unknown) => this.#onMessage(payload));
    this.#connectTimer = setTimeout(() => {
      this.#reason = 'the subscriber connection took too long';
      this.#lose();
    }, options.connectionTimeoutMs);
    this.#connect().catch((error: unknown) => {
      if (error instanceof Error) this.#reason = error.message;
      this.#wasRefused = isCommandRefused(error);
      this.#lose();
    });
  }

  /** Who the server knows this connection as; `undefined` until it is subscribed. */
  get identity(): ConnectionIdentity | undefined {
    return this.#identity;
  }

  /** Closes it without a further call to anybody. */
  destroy(): void {
    this.#isOver = true;
    clearTimeout(this.#connectTimer);
    clearInterval(this.#heartbeatTimer);
    // `disconnect` alone ends politely and so waits for the other side, which may be gone.
    destroyStream(this.#client);
    this.#client.disconnect();
  }

  async #connect(): Promise<void> {
    await this.#client.connect();
    // Once it is subscribed it can be asked nothing else.
    const mark = await serverMark(this.#client);
    const [clientId] = await Promise.all([this.#client.client('ID'), this.#client.subscribe(CHANNEL)]);
    if (this.#isOver) return;
    clearTimeout(this.#connectTimer);
    this.#identity = { clientId, mark };
    this.#heardAt = performance.now();
    this.#client.stream.on('data', () => {
      this.#heardAt = performance.now();
    });
    this.#heartbeatTimer = setInterval(() => this.#beat(), this.#lookMs);
    this.#heartbeatTimer.unref();
    this.#options.onReady();
  }

  #beat(): void {
    const { heartbeatMs } = this.#options;
    const lookedAt = performance.now();
    const silentMs = lookedAt - this.#heardAt;
    if (silentMs >= heartbeatMs - this.#lookMs) {
      // What was not heard may be an invalidation, whoever is to blame. But was it this process that did not listen?
      // What waits in the socket is read before an immediate runs.
      this.#options.onSilence();
      setImmediate(() => {
        if (this.#isOver) return;
        if (this.#heardAt >= lookedAt) return this.#options.onSound();
        this.#reason = `the subscriber connection was silent for ${Math.round(silentMs)} ms`;
        this.#lose();
      });
    } else if (silentMs >= heartbeatMs - Math.min(heartbeatMs / 2, ANSWER_MAX_MS) && !this.#isPinging) {
      this.#isPinging = true;
      // A lost ping needs no answer here: it shows as silence.
      const answered = (): void => {
        this.#isPinging = false;
      };
      this.#client.ping().then(answered, answered);
    }
  }

  #onMessage(payload: unknown): void {
    if (this.#isOver) return;
    this.#options.onKeys(Array.isArray(payload) ? payload.map(String) : null);
  }

  #lose(): void {
    if (this.#isOver) return;
    this.destroy();
    this.#options.onLost(this, this.#reason, this.#wasRefused);
  }
}

/** Closes a socket at once, with RST where it is plain TCP: nothing that still waits in it is to be sent. */
export function destroyStream(client: Redis): void {
  // Typed as always there, but a client that never connected has none.
  const stream = client.stream as Redis['stream'] | undefined;
  if (stream === undefined || stream.destroyed) return;
  // A socket that is ending already cannot be reset: libuv refuses, and Node would then never close it.
  if ('encrypted' in stream || !('resetAndDestroy' in stream) || stream.writableEnded) stream.destroy();
  else stream.resetAndDestroy();
}

/**
 * What tells that two connections lead to one Redis process: the random id that it gave itself at its start. Where INFO is
 * refused, the addresses between which it sees the connection `clientId`, by default that on which it is asked.
 */
export async function serverMark(client: Redis, clientId?: number): Promise<string> {
  const info = await client.info('server');
  const about =
    info === ''
      ? String(await client.call('CLIENT', ...(clientId === undefined ? ['INFO'] : ['LIST', 'ID', String(clientId)])))
      : '';
  const mark = /^run_id:(\S+)/m.exec(info)?.[1] ?? / addr=\S+ laddr=\S+/.exec(about)?.[0];
  if (mark === undefined) throw new Error('the server does not tell its run_id');
  return mark;
}
