import {
  createClusterClient,
  createSharedClient,
  flushWrites,
  joinWrites,
  reconnectDelayMs,
  tlsOptions,
  UnsupportedError,
  wordOf,
  type ClusterTarget,
  type RedisTarget,
  type SentinelTarget,
  type StandaloneTarget,
} from '@holdfast/redis-core';
import { createIORedisClient, type RedisOptions } from 'bullmq';
import type { RedisClient } from './connection-watch.ts';

export type QueueRedisTarget = StandaloneTarget | SentinelTarget | ClusterTarget;

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
export function producerClient(target: QueueRedisTarget, times: ConnectionTimes): RedisClient {
  const options: RedisOptions = {
    ...common(times, 'holdfast:producer'),
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // A connection on which an answer is overdue is destroyed; the next one is healthy.
    socketTimeout: times.commandTimeoutMs,
  };
  return clientOf(target, options, false);
}

export interface ConsumerClient {
  readonly client: RedisClient;
  /** Sends what was written in this turn of the event loop. */
  readonly flush: () => void;
}

/**
 * For workers: they wait for Redis as long as it takes. A worker makes a copy of it for what blocks. What is written to one
 * server in a turn of the event loop is sent together: jobs come to their ends many at a time.
 */
export function consumerClient(target: QueueRedisTarget, times: ConnectionTimes, blockSeconds: number): ConsumerClient {
  const options = waitingOptions(times, 'holdfast:consumer', blockSeconds);
  if (target.kind === 'cluster') return { client: clientOf(target, options, true), flush: () => undefined };
  const client = joinWrites(createSharedClient(target, reconnecting(options, true)));
  client.on('error', () => undefined);
  return { client: createIORedisClient(client), flush: () => flushWrites(client) };
}

/**
 * For a reader of events, which blocks: a read that is interrupted fails, and whoever made it knows where to go on.
 *
 * @param blockMs how long a read may wait
 */
export function readerClient(
  target: QueueRedisTarget,
  times: ConnectionTimes,
  name: string,
  blockMs: number,
): RedisClient {
  const options: RedisOptions = {
    ...common(times, name),
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // Longer than any read; a connection that is half open would hold the reader for minutes.
    socketTimeout: blockMs + times.commandTimeoutMs,
    reconnectOnError: leavesReplicas(),
  };
  return clientOf(target, options, true);
}

function waitingOptions(times: ConnectionTimes, name: string, blockSeconds: number): RedisOptions {
  return {
    ...common(times, name),
    // BullMQ demands it: a worker outlives any outage.
    maxRetriesPerRequest: null,
    // Longer than any blocking read; without it a half-open connection would hold the worker for minutes.
    socketTimeout: Math.max(15_000 + 1000 * blockSeconds, times.commandTimeoutMs),
    // Who listens for cancels does so again by itself: the library's own way leaves a rejection to nobody.
    autoResubscribe: false,
    reconnectOnError: leavesReplicas(),
  };
}

/** `waits`: a command that is given while there is no connection is kept until there is one. */
function clientOf(target: QueueRedisTarget, options: RedisOptions, waits: boolean): RedisClient {
  const client =
    target.kind === 'cluster'
      ? createClusterClient(target, { ...options, ...credentials(target) }, { lazyConnect: false })
      : createSharedClient(target, reconnecting(options, waits));
  // BullMQ listens too, but not before it has the client and not after it has let go of it.
  client.on('error', () => undefined);
  return createIORedisClient(client);
}

function reconnecting(options: RedisOptions, waits: boolean): RedisOptions {
  return { ...options, enableOfflineQueue: waits, retryStrategy: (times: number) => reconnectDelayMs(times) };
}

/**
 * A server that was demoted refuses what a worker asks for, and lets go of who blocks. It is left, for whatever its address
 * leads to by now.
 */
function leavesReplicas(): (error: Error) => boolean {
  let leftAt = -Infinity;
  return ({ message }) => {
    const now = performance.now();
    // Where it stays a replica, it is not left for each command again.
    const isDemoted = wordOf(message) === 'READONLY' || message.startsWith('UNBLOCKED');
    if (!isDemoted || now - leftAt < LEAVE_EVERY_MS) return false;
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
