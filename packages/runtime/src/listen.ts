import { once } from 'node:events';
import { type Server as HttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';

/** What Fastify has of it. */
export interface Listener {
  readonly server: HttpServer;
  listen(options: { readonly host: string; readonly port: number }): Promise<string>;
}

/** For how many ports of which only one half was free, when any port will do. */
const maxTries = 20;

/**
 * Listens on `host`, whichever of IPv4 and IPv6 this machine has. `localhost` stands for both loopback addresses,
 * `127.0.0.1` and `::1`, and `::` for all addresses; of either kind, what the machine does not have is left out. All other
 * hosts are taken as they are.
 *
 * Fastify's own `localhost` binds what the name resolves to: it fails where the first address is of a kind that is turned
 * off, ignores that the port of the second is taken, and serves that one without its limits and its orderly close.
 *
 * @returns the address under which this machine reaches it
 * @throws what `listen` throws; `EADDRINUSE` also when the port is taken on one of the two
 */
export async function listen(app: Listener, { host, port }: { host: string; port: number }): Promise<string> {
  switch (host.toLowerCase()) {
    case 'localhost':
      await listenOnLoopback(app, port);
      break;
    case '::':
      await firstThatExists(app, ['::', '0.0.0.0'], port);
      break;
    default:
      await app.listen({ host, port });
  }
  return reachableAddress(app.server.address() as AddressInfo);
}

async function listenOnLoopback(app: Listener, port: number): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const second = await openSecond('::1', port);
    if (second === undefined) return listenOn(app, '127.0.0.1', port);
    try {
      await listenOn(app, '127.0.0.1', (second.address() as AddressInfo).port);
    } catch (error) {
      await closed(second);
      if (isMissing(error)) return listenOn(app, '::1', port);
      // Any port will do, but this one is free on IPv6 only.
      if (port === 0 && codeOf(error) === 'EADDRINUSE' && tries < maxTries) continue;
      throw error;
    }
    return joinServers(app.server, second);
  }
}

async function firstThatExists(app: Listener, hosts: readonly string[], port: number): Promise<void> {
  const [host, ...others] = hosts;
  if (host === undefined) return;
  try {
    await listenOn(app, host, port);
  } catch (error) {
    if (others.length === 0 || !isMissing(error)) throw error;
    await firstThatExists(app, others, port);
  }
}

async function listenOn(app: Listener, host: string, port: number): Promise<void> {
  await app.listen({ host, port });
}

/** `undefined` where the machine has no such address. */
async function openSecond(host: string, port: number): Promise<Server | undefined> {
  // As an HTTP server makes its own.
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  server.listen({ host, port });
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The first serves what the second accepts, under the same limits, and closes when both have closed. */
function joinServers(first: HttpServer, second: Server): void {
  second.on('connection', (socket) => first.emit('connection', socket));
  // Accepting failed; the system says so of the first as well.
  second.on('error', (error) => first.emit('error', error));
  const close = first.close.bind(first);
  first.close = (done) => {
    let open = 2;
    let failure: Error | undefined;
    const ended = (error?: Error): void => {
      failure ??= error;
      open -= 1;
      if (open === 0) done?.(failure);
    };
    second.close(() => ended());
    return close(ended);
  };
}

async function closed(server: Server): Promise<void> {
  if (!server.listening) return;
  const end = once(server, 'close');
  server.close();
  await end;
}

/** Whether the machine has no address of this kind: IPv6 is turned off, or there is no IPv4. */
function isMissing(error: unknown): boolean {
  return ['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EPROTONOSUPPORT'].includes(codeOf(error));
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function reachableAddress({ address, port }: AddressInfo): string {
  const loopback = address === '0.0.0.0' || hasIpv4() ? '127.0.0.1' : '::1';
  const host = address === '::' || address === '0.0.0.0' ? loopback : address;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function hasIpv4(): boolean {
  return Object.values(networkInterfaces()).some((list) => list?.some(({ family }) => family === 'IPv4'));
}
