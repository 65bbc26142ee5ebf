import {
  createClusterClient,
  reconnectDelayMs,
  sentinelOptions,
  tlsOptions,
  UnsupportedError,
  type ClusterTarget,
  type RedisTarget,
  type SentinelTarget,
  type StandaloneTarget,
} from '@holdfast/redis-core';
import type { ConnectionOptions, RedisOptions } from 'bullmq';

export type QueueRedisTarget = StandaloneTarget | SentinelTarget | ClusterTarget;

/** What BullMQ makes its clients from, or in a cluster a client that it uses, and that stays ours to close. */
export interface QueueConnection {
  readonly connection: ConnectionOptions;
  readonly close: () => void;
}

export interface ConnectionTimes {
  readonly connectionTimeoutMs: number;
  readonly commandTimeoutMs: number;
}

/** A replica is left so often. */
const LEAVE_EVERY_MS = 500;

/** @throws UnsupportedError for a target that BullMQ cannot run on */
export function queueTarget(target: RedisTarget): QueueRedisTarget {
  if (target.kind === 'standalone' || target.kind === 'sentinel' || target.kind === 'cluster') return target;
  throw new UnsupportedError(
    `The queue cannot run on a target of kind "${target.kind}": give it a Redis that is reached over TCP (QUEUE_REDIS_URL).`,
  );
}

/**
 * For adding and asking: a call fails at once while there is no connection, and is never kept for later or sent twice.
 */
export function producerConnection(target: QueueRedisTarget, times: ConnectionTimes, name: string): QueueConnection {
  const options: RedisOptions = {
    ...common(times, name),
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // A connection on which an answer is overdue is destroyed; the next one is healthy.
    socketTimeout: times.commandTimeoutMs,
  };
  return connectionTo(target, options, false);
}

/** For workers and event readers: they wait for Redis as long as it takes. */
export function consumerConnection(
  target: QueueRedisTarget,
  times: ConnectionTimes,
  name: string,
  blockSeconds = 10,
): QueueConnection {
  const options: RedisOptions = {
    ...common(times, name),
    // BullMQ demands it: a worker outlives any outage.
    maxRetriesPerRequest: null,
    // Longer than any blocking read; without it a half-open connection would hold the worker for minutes.
    socketTimeout: Math.max(15_000 + 1000 * blockSeconds, times.commandTimeoutMs),
    // Who listens for cancels does so again by itself: the library's own way leaves a rejection to nobody.
    autoResubscribe: false,
    reconnectOnError: leavesReplicas(),
  };
  return connectionTo(target, options, true);
}

/** `waits`: a command that is given while there is no connection is kept until there is one. */
function connectionTo(target: QueueRedisTarget, options: RedisOptions, waits: boolean): QueueConnection {
  const noConnectionOfOurs = (): void => undefined;
  const reconnecting = {
    ...options,
    enableOfflineQueue: waits,
    retryStrategy: (times: number) => reconnectDelayMs(times),
  };
  switch (target.kind) {
    case 'standalone': {
      const address = { host: target.host, port: target.port, ...credentials(target) };
      return { connection: { ...reconnecting, ...address }, close: noConnectionOfOurs };
    }
    case 'sentinel':
      return {
        // The type wants a host, which the sentinels tell.
        connection: { ...reconnecting, ...sentinelOptions(target) } as ConnectionOptions,
        close: noConnectionOfOurs,
      };
    case 'cluster': {
      const node = { ...options, ...credentials(target) };
      const client = createClusterClient(target, node, { lazyConnect: false });
      // BullMQ listens too, but not before it has the client and not after it has let go of it.
      client.on('error', () => undefined);
      return { connection: client, close: () => client.disconnect() };
    }
  }
}

/** A server that was demoted refuses what a worker asks for. It is left, for whatever its address leads to by now. */
function leavesReplicas(): (error: Error) => boolean {
  let leftAt = -Infinity;
  return ({ message }) => {
    const now = performance.now();
    // Where it stays a replica, it is not left for each command again.
    if (!message.startsWith('READONLY') || now - leftAt < LEAVE_EVERY_MS) return false;
    leftAt = now;
    return true;
  };
}

function common(times: ConnectionTimes, name: string): RedisOptions {
  return {
    connectionName: name,
    connectTimeout: times.connectionTimeoutMs,
    keepAlive: 30_000,
    // Redis that loads its data set after a restart is asked again at this pace instead of once after 10 s.
    maxLoadingRetryTime: 1000,
  };
}

function credentials(target: StandaloneTarget | ClusterTarget): RedisOptions {
  return {
    ...('db' in target && target.db !== undefined && { db: target.db }),
    ...(target.username !== undefined && { username: target.username }),
    ...(target.password !== undefined && { password: target.password }),
    ...(target.tls !== undefined && { tls: tlsOptions(target.tls) }),
  };
}
