import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Lane } from './fault-lane.ts';
import { parseRedisUrl } from './plain-redis.ts';

export interface CutOptions {
  /** Cuts at the first request that contains these bytes. Default: at the next request, whatever it is. */
  readonly matching?: string;
}

interface Link {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly request: Lane;
  readonly reply: Lane;
}

interface Cut {
  readonly matching: string | undefined;
  readonly done: PromiseWithResolvers<void>;
}

/**
 * A TCP proxy before a server, whose network fails on command. Faults are switched at run time and hold for open
 * connections and for new ones. A `connect` itself always succeeds (the kernel accepts it), except after `refuse()`.
 */
export class FaultProxy {
  readonly host = '127.0.0.1';
  readonly #server: Server;
  #target: { readonly host: string; readonly port: number };
  readonly #links = new Set<Link>();
  #mode: 'pass' | 'hold' | 'drop' = 'pass';
  #delayMs = 0;
  #refusing = false;
  #cut: Cut | undefined;
  #accepted = 0;

  private constructor(server: Server, target: { readonly host: string; readonly port: number }) {
    this.#server = server;
    this.#target = target;
    server.on('connection', (client) => this.#onConnection(client));
  }

  /** Listens on a free loopback port and forwards to `target`, a `redis://` or `http://` URL or an address. */
  static async listen(target: string | { readonly host: string; readonly port: number }): Promise<FaultProxy> {
    const server = createServer({ noDelay: true, allowHalfOpen: true });
    const proxy = new FaultProxy(server, typeof target === 'string' ? addressOf(target) : target);
    server.listen(0, proxy.host);
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** `redis://` and the proxy's address. */
  get url(): string {
    return `redis://${this.host}:${this.port}`;
  }

  /** New connections lead to another server from now on; open ones stay, as where the address of a primary moves. */
  moveTo(target: { readonly host: string; readonly port: number }): void {
    this.#target = target;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#links.size;
  }

  /** Connections that were made so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Heals: passes everything, without delay, and what `blackhole` held back. */
  pass(): void {
    this.#refusing = false;
    this.#delayMs = 0;
    this.#setMode('pass');
  }

  /** Passes everything `ms` later, in each direction. */
  delay(ms: number): void {
    this.#delayMs = ms;
    this.#setMode('pass');
  }

  /**
   * Of what is written on the connections that are open now about so many bytes more are passed on, then none until this is
   * called again, or `pass`: a link that is slow to take an upload. New connections are as fast as any.
   */
  allow(bytes: number): void {
    for (const link of this.#links) link.request.allow(bytes);
  }

  /**
   * Nothing passes in either direction and nobody is told. After `pass()` it arrives after all, as TCP would resend it
   * when a network heals.
   */
  blackhole(): void {
    this.#setMode('hold');
  }

  /** Like `blackhole`, but what is sent meanwhile is lost for good, and so is each connection that lost something. */
  drop(): void {
    this.#setMode('drop');
  }

  /** Resets all open connections (RST); new ones are welcome. */
  resetAll(): void {
    for (const link of this.#links) {
      link.client.resetAndDestroy();
      link.upstream.destroy();
    }
  }

  /** Resets all open connections, and each new one as soon as it is made. */
  refuse(): void {
    this.#refusing = true;
    this.resetAll();
  }

  /**
   * Arms one cut: the next fitting request is forwarded, the server carries it out, and its connection is reset before
   * any of the reply is passed. Resolves when both have happened. A request is what the client wrote at once.
   */
  async cutBeforeReply(options: CutOptions = {}): Promise<void> {
    this.#cut = { matching: options.matching, done: Promise.withResolvers<void>() };
    await this.#cut.done.promise;
  }

  /** Ends all connections and stops listening. May be called twice. */
  async close(): Promise<void> {
    this.resetAll();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  #setMode(mode: 'pass' | 'hold' | 'drop'): void {
    this.#mode = mode;
    for (const link of this.#links) {
      link.request.set(mode, this.#delayMs);
      link.reply.set(mode, this.#delayMs);
    }
  }

  #onConnection(client: Socket): void {
    this.#accepted += 1;
    client.on('error', () => {});
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ ...this.#target, noDelay: true, allowHalfOpen: true });
    upstream.on('error', () => client.resetAndDestroy());
    const link: Link = { client, upstream, request: new Lane(client, upstream), reply: new Lane(upstream, client) };
    link.request.onChunk = (chunk) => this.#cutAt(link, chunk);
    link.request.set(this.#mode, this.#delayMs);
    link.reply.set(this.#mode, this.#delayMs);
    this.#links.add(link);
    upstream.once('close', () => client.destroy());
    client.once('close', () => {
      this.#links.delete(link);
      upstream.destroy();
    });
  }

  /**
   * The server is sent FIN behind the request, not RST: with RST its kernel may throw away what it has not read yet.
   * When it closes in turn, it has carried out all that it was sent.
   */
  #cutAt(link: Link, chunk: Buffer): boolean {
    const cut = this.#cut;
    if (cut === undefined || (cut.matching !== undefined && !chunk.includes(cut.matching))) return false;
    this.#cut = undefined;
    const before = link.request.discard();
    link.reply.discard();
    link.upstream.removeAllListeners('close');
    link.upstream.once('close', () => {
      link.client.resetAndDestroy();
      cut.done.resolve();
    });
    link.upstream.end(Buffer.concat([...before, chunk]));
    return true;
  }
}

function addressOf(url: string): { host: string; port: number } {
  const { host, port } = parseRedisUrl(url);
  return { host, port: url.startsWith('http:') && new URL(url).port === '' ? 80 : port };
}
