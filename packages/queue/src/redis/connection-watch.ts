import {
  explainFault,
  FollowedMaster,
  hearWhyNot,
  HoldfastError,
  notConnectedYet,
  type ConnectionFault,
  type HostAndPort,
  type RedisTarget,
} from '@holdfast/redis-core';
import type { RedisQueueBackend } from 'bullmq';
import type { BackendStatus } from '../port/backend.ts';
import { isServerError } from './errors.ts';

export type RedisClient = Awaited<RedisQueueBackend['client']>;

/** Who is told what becomes of a connection. */
export interface ConnectionObserver {
  connected(): void;
  lost(): void;
}

/** What is known of one connection that BullMQ made. */
export class ConnectionWatch {
  #client: RedisClient | undefined;
  /** Since the connection was ready last. */
  #lastError: Error | undefined;
  #fault: ConnectionFault | undefined;
  #wasReady = false;
  readonly #settled = Promise.withResolvers<void>();
  readonly #observer: ConnectionObserver | undefined;
  readonly #target: RedisTarget;
  readonly #followed = new FollowedMaster();

  /** @param client BullMQ's promise of the connection; of a worker, it resolves only once Redis is there. */
  constructor(client: Promise<RedisClient>, target: RedisTarget, observer?: ConnectionObserver) {
    this.#target = target;
    this.#observer = observer;
    client.then(
      (connection) => this.#follow(connection),
      (error: Error) => this.note(error),
    );
  }

  /** The connection, if it can be used right now. */
  get ready(): RedisClient | undefined {
    return this.#client?.status === 'ready' ? this.#client : undefined;
  }

  get client(): RedisClient | undefined {
    return this.#client;
  }

  get lastError(): Error | undefined {
    return this.#lastError;
  }

  get status(): BackendStatus {
    if (this.ready !== undefined) return { available: true };
    const never = this.#wasReady ? {} : { neverConnected: true };
    if (this.#fault === undefined) return { available: false, reason: notConnectedYet, ...never };
    return { available: false, reason: this.#fault.reason, fault: this.#fault.kind, ...never };
  }

  /** Resolves when the first attempt to connect has ended, well or not. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  /** Says that the first attempt counts as ended: nobody waits for it any more. */
  settle(): void {
    this.#settled.resolve();
  }

  /** The sentinels have named another master: a connection to another server is made anew. */
  switchTo(master: HostAndPort): void {
    this.#followed.announced(master, this.#client);
  }

  /** Makes the connection anew: what it leads to is not what its address leads to any more. */
  leave(): void {
    (this.#client as unknown as { disconnect(reconnects: boolean): void } | undefined)?.disconnect(true);
  }

  note(error: Error): void {
    // An error of ours was made of what is known already.
    if (error instanceof HoldfastError) return;
    const fault = explainFault(error, this.#target, this.#wasReady);
    // What Redis answers to a command on a connection that can be used says nothing of why that may end later.
    if (this.ready !== undefined && (isServerError(error) || fault.kind === 'other')) return;
    // The end of a connection says less than what has led to it.
    const onlyFollows = fault.kind === 'closed' || fault.kind === 'other';
    if (this.#fault === undefined || !onlyFollows || this.#fault.kind === 'closed') {
      this.#fault = fault;
      this.#lastError = error;
    }
    this.settle();
    // Where a connection never comes about there may be no end of it to hear of.
    if (this.ready === undefined && !onlyFollows) this.#observer?.lost();
  }

  #onReady(): void {
    this.#lastError = undefined;
    this.#fault = undefined;
    this.settle();
    this.#wasReady = true;
    this.#observer?.connected();
  }

  #onClose(): void {
    // The errors of the attempts to reconnect come later, and say more.
    if (this.#wasReady && this.#lastError === undefined) this.note(new Error('Connection is closed.'));
    this.settle();
    this.#observer?.lost();
  }

  #follow(client: RedisClient): void {
    this.#client = client;
    client.on('ready', () => {
      if (!this.#followed.connected(client)) this.#onReady();
    });
    client.on('close', () => this.#onClose());
    client.on('error', (error: Error) => this.note(error));
    // A cluster's client has no socket of its own.
    if (!client.isCluster)
      hearWhyNot(client as unknown as Parameters<typeof hearWhyNot>[0], (error) => this.note(error));
    if (client.status === 'ready') this.#onReady();
  }
}
