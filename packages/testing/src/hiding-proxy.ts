import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * A TCP proxy before a Redis that does not know some commands, as those of providers and proxies do not: Redis gets
 * another name in their place, of which it says "unknown command" itself. (A server that is started without a command,
 * `--rename-command`, could not be asked by the fixtures either.)
 */
export class HidingProxy {
  readonly host = '127.0.0.1';
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(
    server: Server,
    target: { readonly host: string; readonly port: number },
    hidden: readonly string[],
  ) {
    this.#server = server;
    const name = new RegExp(`(\\$\\d+\\r\\n)(?:${hidden.join('|')})\\r\\n`, 'gi');
    server.on('connection', (client) => {
      const upstream = connect({ ...target, noDelay: true });
      client.on('data', (bytes) => {
        const text = bytes.toString('latin1');
        // As many bytes as before. A name that is cut in two by the network gets through: commands are short, so none is.
        const masked = text.replace(
          name,
          (found, size: string) => size + 'x'.repeat(found.length - size.length - 2) + '\r\n',
        );
        upstream.write(masked, 'latin1');
      });
      upstream.on('data', (bytes) => client.write(bytes));
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#sockets.add(one);
        one.on('error', () => undefined);
        one.once('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      }
    });
  }

  /** Listens on a free loopback port, before `target`, and hides the commands `hidden`. */
  static async listen(
    target: { readonly host: string; readonly port: number },
    hidden: readonly string[],
  ): Promise<HidingProxy> {
    const server = createServer({ noDelay: true });
    const proxy = new HidingProxy(server, { host: target.host, port: target.port }, hidden);
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

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}
