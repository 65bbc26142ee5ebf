import { once } from 'node:events';
import { get } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Backend {
  /** Where connections go. */
  readonly port: number;
  /** Where it is asked whether it is ready. */
  readonly probePort: number;
}

/** How often each backend is asked. Milliseconds. */
const pollMs = 50;

/**
 * A balancer of connections, as a Service of Kubernetes is: a new connection goes to the next backend that was ready at its
 * last look, and stays there. It repeats nothing and hides nothing: what a backend does to a connection is done to the caller.
 */
export class Balancer {
  readonly #ready = new Map<Backend, boolean>();
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer({ allowHalfOpen: true }, (caller) => this.#forward(caller));
  readonly #stopped = new AbortController();
  #turn = 0;

  static async listen(): Promise<Balancer> {
    const balancer = new Balancer();
    balancer.#server.listen(0, '127.0.0.1');
    await once(balancer.#server, 'listening');
    return balancer;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  isReady(backend: Backend): boolean {
    return this.#ready.get(backend) === true;
  }

  add(backend: Backend): void {
    this.#ready.set(backend, false);
    void this.#watch(backend);
  }

  remove(backend: Backend): void {
    this.#ready.delete(backend);
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #watch(backend: Backend): Promise<void> {
    while (this.#ready.has(backend) && !this.#stopped.signal.aborted) {
      const isReady = await looksReady(backend);
      if (this.#ready.has(backend)) this.#ready.set(backend, isReady);
      await sleep(pollMs);
    }
  }

  #forward(caller: Socket): void {
    const backends = [...this.#ready].flatMap(([backend, isReady]) => (isReady ? [backend] : []));
    this.#turn += 1;
    const backend = backends[this.#turn % backends.length];
    if (backend === undefined) {
      caller.resetAndDestroy();
      return;
    }
    const server = connect({ host: '127.0.0.1', port: backend.port, allowHalfOpen: true });
    for (const [socket, peer] of [
      [caller, server],
      [server, caller],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => peer.resetAndDestroy());
      socket.on('close', () => this.#sockets.delete(socket));
      socket.pipe(peer);
    }
  }
}

async function looksReady({ probePort }: Backend): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const options = { host: '127.0.0.1', port: probePort, path: '/health/ready', agent: false, timeout: 5000 };
  const request = get(options, (response) => {
    response.resume();
    resolve(response.statusCode === 200);
  });
  request.on('timeout', () => request.destroy(new Error('no answer')));
  request.on('error', () => resolve(false));
  return promise;
}
