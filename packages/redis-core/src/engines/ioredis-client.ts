import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis';
import type {
  ClusterTarget,
  EngineOptions,
  RedisCredentials,
  SentinelTarget,
  StandaloneTarget,
  TlsOptions,
} from '../connection.ts';
import { UnsupportedError } from '../errors.ts';
import { isCommandRefused } from '../server-limits.ts';
import { joinWrites } from './ioredis-writes.ts';

/** What ioredis takes, without an option whose type the constructor wants in a form of its own. */
type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

/** Waits between attempts to reconnect: exponential from 50 ms, capped at 1 s, with jitter so that clients spread. */
export function reconnectDelayMs(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(1000, 50 * 2 ** Math.min(attempt - 1, 10));
  return Math.round(ceiling / 2 + (ceiling / 2) * random());
}

/**
 * The only place where ioredis is constructed. The client is not connected yet. Each option that departs from the
 * library's default says why (docs/reference/redis.md has them as a table).
 *
 * For a cluster it is a `Cluster`, which has of a `Redis` what the engine uses of it: a method for each command,
 * `connect`, `disconnect` and the events.
 * @throws UnsupportedError for a target that this engine does not speak.
 */
export function createClient(options: EngineOptions, role: string): Redis {
  const { target } = options;
  switch (target.kind) {
    case 'standalone':
      return bearRefusedInfo(joinWrites(new Redis({ ...standaloneOptions(target), ...commonOptions(options, role) })));
    case 'sentinel':
      return bearRefusedInfo(joinWrites(new Redis({ ...sentinelOptions(target), ...commonOptions(options, role) })));
    case 'cluster': {
      const cluster = createClusterClient(target, { ...nodeOptions(options, role), ...credentials(target) });
      cluster.on('+node', joinWrites);
      return cluster as unknown as Redis;
    }
    case 'upstash':
    case 'memory':
      throw new UnsupportedError(`A target of kind "${target.kind}" is not reached over TCP.`);
  }
}

/**
 * Ends a client for good. The library listens for one error of a socket; a TLS server that is left in the middle of the
 * handshake answers with an alert, which nobody would hear any more: an uncaught error, and the end of the process.
 */
export function endClient(client: Redis): void {
  const ended: unknown = client;
  for (const { stream } of ended instanceof Cluster ? ended.nodes() : [client]) {
    // Typed as always there, but a client that never connected has none.
    (stream as Redis['stream'] | undefined)?.on('error', () => undefined);
  }
  client.disconnect();
}

/** As much of a client as this needs: BullMQ's own type of one says less. */
interface InfoClient {
  info: (...args: readonly unknown[]) => Promise<string>;
}

/**
 * Has a client take a refused INFO for an empty one; replies the client. The library asks for it to see whether Redis has
 * loaded its data. Of a refusal by rules of access (ACL) it complains on the console, and where the server or a proxy does
 * not have it the library would end the connection, over and over. Also for the queue.
 */
export function bearRefusedInfo<Client extends object>(client: Client): Client {
  const asking = client as unknown as InfoClient;
  const ask = asking.info.bind(client);
  asking.info = async (...args): Promise<string> => {
    const listener = args.at(-1);
    const asked = ask(...(typeof listener === 'function' ? args.slice(0, -1) : args)).catch((error: unknown) => {
      if (isCommandRefused(error)) return '';
      throw error;
    });
    if (typeof listener !== 'function') return asked;
    asked.then(
      (info) => void listener(null, info),
      (error: unknown) => void listener(error),
    );
    return asked;
  };
  return client;
}

function commonOptions(options: EngineOptions, role: string): ClientOptions {
  return {
    ...nodeOptions(options, role),
    // The engine connects by itself, in the background, and knows the state of the connection.
    lazyConnect: true,
    retryStrategy: (attempt: number) => reconnectDelayMs(attempt),
    // A call made while there is no connection fails at once; it is not kept and executed later by surprise.
    enableOfflineQueue: false,
    // Commands of one tick share one write by ourselves, at a third of the cost, and without waiting for the last tick's.
    enableAutoPipelining: false,
  };
}

/** For each single connection, of whatever topology. */
function nodeOptions(options: EngineOptions, role: string): ClientOptions {
  const commandTimeoutMs = options.commandTimeoutMs ?? 5000;
  return {
    connectTimeout: options.connectionTimeoutMs ?? 10_000,
    connectionName: `holdfast:${options.name}:${role}`,
    keepAlive: 30_000,
    // A half-open connection answers nothing for minutes: give it up when a command waits longer than any may.
    socketTimeout: commandTimeoutMs,
    // A restarting Redis that still loads its data is asked again soon, not only after ten seconds.
    maxLoadingRetryTime: 1000,
    // A command that may have been applied is never sent again by the client: the engine decides, per command.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // RESP2 measured a third faster than RESP3 for short replies.
    protocol: 2,
  };
}

function standaloneOptions(target: StandaloneTarget): ClientOptions {
  return { host: target.host, port: target.port, ...databaseOptions(target), ...credentials(target) };
}

/** For a client that asks sentinels for its master. Also for the queue. */
export function sentinelOptions(target: SentinelTarget): ClientOptions {
  const tls = target.tls === undefined ? undefined : tlsOptions(target.tls);
  return {
    sentinels: target.sentinels.map(({ host, port }) => ({ host, port })),
    name: target.masterName,
    ...databaseOptions(target),
    ...credentials(target),
    ...(target.sentinelPassword === undefined ? {} : { sentinelPassword: target.sentinelPassword }),
    // TLS means all connections: a password would otherwise travel to the sentinels in the clear.
    ...(tls === undefined ? {} : { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
    // While no sentinel answers it goes on asking; without an answer in this time it asks the next.
    sentinelRetryStrategy: (attempt: number) => reconnectDelayMs(attempt),
    sentinelCommandTimeout: 1000,
    // Not `failoverDetector`: `FailoverWatch` hears the same over fewer connections, whose errors stay with it.
  };
}

/**
 * A client of one server, or of the master that sentinels name, with these options: for the queue, whose library is given
 * it and shares it among many queues. It connects at once.
 */
export function createSharedClient(target: StandaloneTarget | SentinelTarget, options: ClientOptions): Redis {
  const own = target.kind === 'standalone' ? standaloneOptions(target) : sentinelOptions(target);
  return bearRefusedInfo(new Redis({ ...options, ...own }));
}

/**
 * A cluster client that is not connected yet, with `node` for each of its connections. Also for the queue, which must be
 * given one: a library that is given options can only make a client of a single server from them.
 */
export function createClusterClient(
  target: ClusterTarget,
  node: NonNullable<ClusterOptions['redisOptions']>,
  more: { readonly lazyConnect?: boolean } = {},
): Cluster {
  const { replyMapping: _, ...redisOptions } = node;
  const cluster = new Cluster([...target.nodes], {
    lazyConnect: more.lazyConnect ?? true,
    // Each node is connected to with the first command for it; without a queue the second would fail meanwhile. Whether
    // the cluster can be reached at all is known to who uses the client, before it sends.
    enableOfflineQueue: true,
    clusterRetryStrategy: (attempt: number) => reconnectDelayMs(attempt),
    // A command whose node went away may have been applied there, and one that the cluster refused for now is sent
    // again by the engine if that is safe: the client must do neither. Redirections (MOVED, ASK) applied nothing.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    // It cannot be told not to try these again, sixteen times; then the engine asks for the keys one by one.
    retryDelayOnTryAgain: 20,
    // A failover is learnt from a redirection, or at the latest so.
    slotsRefreshInterval: 2000,
    slotsRefreshTimeout: 1000,
    // A pipeline of which a part is redirected fails in that part, and a command by itself follows the redirection.
    enableAutoPipelining: false,
    // With TLS the name that was configured is what the certificate is for; an address would not verify.
    ...(target.tls === undefined ? {} : { dnsLookup: (name, callback) => callback(null, name) }),
    redisOptions,
  });
  cluster.on('+node', bearRefusedInfo);
  return cluster;
}

function databaseOptions(target: { readonly db?: number }): ClientOptions {
  return target.db === undefined ? {} : { db: target.db };
}

function credentials(target: RedisCredentials & { readonly tls?: TlsOptions }): ClientOptions {
  return {
    ...(target.username === undefined ? {} : { username: target.username }),
    ...(target.password === undefined ? {} : { password: target.password }),
    ...(target.tls === undefined ? {} : { tls: tlsOptions(target.tls) }),
  };
}

export function tlsOptions(tls: TlsOptions): NonNullable<RedisOptions['tls']> {
  return {
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
    rejectUnauthorized: tls.rejectUnauthorized ?? true,
  };
}
