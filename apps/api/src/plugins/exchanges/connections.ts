import type { Socket } from 'node:net';
import type { Exchange } from './exchange.ts';

/** What is under way on one connection: more than one exchange where the caller sends requests before he has the answers. */
export class Connection {
  readonly #open = new Set<Exchange>();
  #onIdle: (() => void) | undefined;
  /** The exchange whose request still arrives, even if it is answered already. */
  receiving: Exchange | undefined;

  get open(): Iterable<Exchange> {
    return this.#open;
  }

  get openCount(): number {
    return this.#open.size;
  }

  begin(exchange: Exchange): void {
    this.#open.add(exchange);
    this.receiving = exchange;
  }

  end(exchange: Exchange): void {
    this.#open.delete(exchange);
    if (this.receiving === exchange && exchange.request.raw.complete) this.receiving = undefined;
    if (this.#open.size === 0) this.#onIdle?.();
  }

  /** Calls back once all answers that are owed are out: at once where there are none. */
  whenIdle(callback: () => void): void {
    if (this.#open.size === 0) callback();
    else this.#onIdle = callback;
  }
}

/** The connections of a service that have carried a request. */
export class Connections {
  readonly #known = new WeakMap<Socket, Connection>();

  get(socket: Socket): Connection | undefined {
    return this.#known.get(socket);
  }

  /** @param onClosed called once, when the connection is gone */
  open(socket: Socket, onClosed: (connection: Connection) => void): Connection {
    const known = this.#known.get(socket);
    if (known !== undefined) return known;
    const connection = new Connection();
    this.#known.set(socket, connection);
    // Before those of Node and Fastify, which then see why streams break off.
    socket.prependOnceListener('close', () => onClosed(connection));
    return connection;
  }
}
