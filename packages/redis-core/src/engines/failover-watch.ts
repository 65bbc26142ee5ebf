import { isIP } from 'node:net';
import { Redis } from 'ioredis';
import type { HostAndPort, SentinelTarget } from '../connection.ts';
import { endClient, reconnectDelayMs, tlsOptions } from './ioredis-client.ts';

const CHANNEL = '+switch-master';

/**
 * Hears from the sentinels that another server is the master from now on. The old one is demoted some ten seconds later, and
 * takes writes until then, which are lost with it: who is still connected there has to leave it.
 *
 * It has one connection to each sentinel, however many clients follow it. (The library's `failoverDetector` would have that
 * for each of them, and writes what goes wrong there to stderr.) A sentinel that is away is asked again for ever; it takes the
 * others to miss nothing meanwhile.
 */
export class FailoverWatch {
  readonly #connections: readonly Redis[];

  /** @param name appears in the names of the connections. @param onSwitch is told once by each sentinel */
  constructor(target: SentinelTarget, name: string, onSwitch: (master: HostAndPort) => void) {
    const tls = target.tls === undefined ? {} : { tls: tlsOptions(target.tls) };
    const password = target.sentinelPassword === undefined ? {} : { password: target.sentinelPassword };
    this.#connections = target.sentinels.map(({ host, port }) => {
      const sentinel = new Redis({
        host,
        port,
        ...password,
        ...tls,
        connectionName: `holdfast:${name}:failovers`,
        lazyConnect: true,
        keepAlive: 30_000,
        connectTimeout: 2000,
        protocol: 2,
        // It does not know of loading.
        enableReadyCheck: false,
        enableOfflineQueue: false,
        retryStrategy: (attempt: number) => reconnectDelayMs(attempt),
        // A refusal of the library's own attempt would be nobody's rejection.
        autoResubscribe: false,
      });
      sentinel.on('error', () => undefined); // What is wrong with sentinels shows where the master is looked for.
      sentinel.on('ready', () => void sentinel.subscribe(CHANNEL).catch(() => undefined)); // Ended: it is made again.
      sentinel.on('message', (_channel: string, message: string) => {
        // `<name> <old host> <old port> <new host> <new port>`
        const [masterName, , , newHost, newPort] = message.split(' ');
        if (masterName === target.masterName && newHost !== undefined)
          onSwitch({ host: newHost, port: Number(newPort) });
      });
      sentinel.connect().catch(() => undefined); // Reconnecting is automatic.
      return sentinel;
    });
  }

  close(): void {
    for (const connection of this.#connections) endClient(connection);
  }
}

/** What a client is asked about, and told. */
export interface FollowingClient {
  readonly status: string;
  readonly stream?: unknown;
  disconnect(reconnect?: boolean): void;
}

/** So long a sentinel that has not heard of it may still name the old master. */
const ANNOUNCED_FOR_MS = 15_000;

/** Keeps one client on the master that was announced last. */
export class FollowedMaster {
  #master: HostAndPort | undefined;
  #announcedAt = -Infinity;

  /** Makes a client leave the server that it is connected to, unless that is this one. */
  announced(master: HostAndPort, client: FollowingClient | undefined): void {
    this.#master = master;
    this.#announcedAt = performance.now();
    // The library gives up for ever a client that is told to leave while it asks the sentinels; see `connected`.
    if (client?.status === 'ready' && !isConnectedTo(master, client)) client.disconnect(true);
  }

  /** The client is ready: it is sent on where a sentinel has led it to the old master. Whether it was. */
  connected(client: FollowingClient): boolean {
    const isRecent = performance.now() - this.#announcedAt < ANNOUNCED_FOR_MS;
    // Whether a name means this server is not known here.
    if (this.#master === undefined || !isRecent || isIP(this.#master.host) === 0) return false;
    if (isConnectedTo(this.#master, client)) return false;
    client.disconnect(true);
    return true;
  }
}

/** Names of hosts are not resolved: whoever is connected by one is said not to be. */
export function isConnectedTo({ host, port }: HostAndPort, client: { readonly stream?: unknown }): boolean {
  const { remoteAddress, remotePort } = (client.stream ?? {}) as { remoteAddress?: string; remotePort?: number };
  return remotePort === port && (remoteAddress === host || remoteAddress === `::ffff:${host}`);
}
