import type { Redis } from 'ioredis';
import { publishEvent } from '../channels.ts';
import type { Unsubscribe } from '../engine.ts';
import { isCommandRefused } from '../server-limits.ts';
import { InvalidationConnection, serverMark } from './ioredis-invalidations.ts';

export interface TrackingOptions {
  /** The name of the engine, for events. */
  readonly name: string;
  /** Makes a client that is not connected yet, for the connection that receives the invalidations. */
  readonly createClient: () => Redis;
  /** How long the receiving connection may be silent before nothing is taken for current any more. */
  readonly heartbeatMs: number;
  /** The longest that one attempt to connect may take. */
  readonly connectionTimeoutMs: number;
  /** The server does not grant it, with this text: it is asked again from time to time. */
  readonly onRefused: (reason: string) => void;
  /** The server does grant it. */
  readonly onGranted: () => void;
}

/** The shortest and the longest wait before the receiving connection is made anew. */
const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 1000;
/** Before asking again where the server does not know CLIENT TRACKING, or forbids it. */
const REFUSED_RETRY_MS = 60_000;

/**
 * Client-side caching as Redis offers it: it remembers which keys the command connection read (`CLIENT TRACKING` in the
 * default mode) and tells a second connection when they change. Both are needed, so an epoch ends when either is lost:
 * the listeners hear `null` before the getter `epoch` shows anything but 0, and a new epoch begins only after Redis has
 * confirmed the tracking on the connections of that moment. A read that was sent before lies outside it.
 *
 * Nothing is connected before the first listener comes.
 */
export class Tracking {
  readonly #options: TrackingOptions;
  readonly #listeners = new Set<(keys: readonly string[] | null) => void>();
  #commands: Redis | undefined;
  #receiver: InvalidationConnection | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #failures = 0;
  /** Which arming is under way; one that finds another number when its replies come is out of date. */
  #arming = 0;
  #epoch = 0;
  #lastEpoch = 0;
  #closed = false;

  constructor(options: TrackingOptions) {
    this.#options = options;
  }

  /** 0 while reads are not tracked, else a number that no other epoch of this engine has. */
  get epoch(): number {
    return this.#epoch;
  }

  onInvalidate(listener: (keys: readonly string[] | null) => void): Unsubscribe {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#proceed();
    return () => this.#listeners.delete(listener);
  }

  /** To be called when the command connection is ready, with each new connection. */
  commandsReady(client: Redis): void {
    this.#commands = client;
    this.#failures = 0;
    this.#proceed();
  }

  /** To be called as soon as the command connection is known to be lost. */
  commandsLost(): void {
    this.#commands = undefined;
    this.#end('the command connection was lost');
  }

  close(): void {
    this.#closed = true;
    this.#end('closed');
    this.#listeners.clear();
    clearTimeout(this.#retryTimer);
    this.#receiver?.destroy();
    this.#receiver = undefined;
    this.#commands = undefined;
  }

  /** Does the next thing that is missing, if there is anything to do at all. */
  #proceed(): void {
    if (this.#closed || this.#listeners.size === 0 || this.#commands === undefined || this.#epoch !== 0) return;
    if (this.#receiver !== undefined) void this.#arm(this.#commands, this.#receiver);
    else if (this.#retryTimer === undefined) this.#connect();
  }

  #connect(): void {
    const { heartbeatMs, connectionTimeoutMs } = this.#options;
    this.#receiver = new InvalidationConnection(this.#options.createClient(), {
      heartbeatMs,
      // Doubled after each failure: what is lost in a black hole is given up soon, what is far away gets its time.
      connectionTimeoutMs: Math.min(connectionTimeoutMs, heartbeatMs * 2 ** Math.min(this.#failures, 10)),
      onReady: () => this.#proceed(),
      onKeys: (keys) => this.#tell(keys),
      onSilence: () => this.#end('the subscriber is silent'),
      onSound: () => this.#proceed(),
      onLost: (receiver, reason, wasRefused) => this.#onReceiverLost(receiver, reason, wasRefused),
    });
  }

  async #arm(commands: Redis, receiver: InvalidationConnection): Promise<void> {
    const { identity } = receiver;
    if (identity === undefined) return; // Still connecting; `onReady` comes back here.
    this.#arming += 1;
    const arming = this.#arming;
    try {
      const [, mark] = await Promise.all([
        // Without NOLOOP: with it Redis would also be silent of a key that it evicts, or drops from a full tracking table,
        // inside a command of this connection, and would then have forgotten who holds it.
        commands.client('TRACKING', 'ON', 'REDIRECT', identity.clientId),
        serverMark(commands, identity.clientId),
      ]);
      if (arming !== this.#arming) return;
      // During a failover the two connections may end at different servers, and the other one may well have a client of
      // that id. So it must be the same process, not only the same address.
      if (mark !== identity.mark) throw new Error('the connections lead to different servers');
      this.#failures = 0;
      this.#begin();
    } catch (error) {
      if (arming !== this.#arming) return;
      const reason = error instanceof Error ? error.message : String(error);
      receiver.destroy();
      this.#publish(false, reason);
      this.#onReceiverLost(receiver, reason, isCommandRefused(error));
    }
  }

  #onReceiverLost(receiver: InvalidationConnection, reason: string, wasRefused: boolean): void {
    if (this.#receiver !== receiver) return;
    this.#receiver = undefined;
    this.#end(reason);
    if (this.#closed) return;
    const ceilingMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    if (wasRefused) this.#options.onRefused(reason);
    const delayMs = wasRefused ? REFUSED_RETRY_MS : ceilingMs / 2 + (ceilingMs / 2) * Math.random();
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      this.#proceed();
    }, delayMs);
    this.#retryTimer.unref();
  }

  #begin(): void {
    if (this.#epoch !== 0 || this.#closed) return;
    this.#lastEpoch += 1;
    this.#epoch = this.#lastEpoch;
    this.#options.onGranted();
    this.#publish(true);
  }

  #end(reason: string): void {
    this.#arming += 1;
    if (this.#epoch === 0) return;
    this.#epoch = 0;
    this.#tell(null);
    this.#publish(false, reason);
  }

  #tell(keys: readonly string[] | null): void {
    for (const listener of this.#listeners) listener(keys);
  }

  #publish(armed: boolean, reason?: string): void {
    publishEvent('holdfast:redis:tracking', () => ({
      connection: this.#options.name,
      armed,
      ...(reason === undefined ? {} : { reason }),
    }));
  }
}
