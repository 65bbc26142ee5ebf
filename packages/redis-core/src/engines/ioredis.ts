import type { Redis } from 'ioredis';
import { publishEvent } from '../channels.ts';
import type { Command, Safety } from '../command.ts';
import type { EngineOptions, RedisTarget } from '../connection.ts';
import { withDeadline } from '../deadline.ts';
import type { BatchResult, CallOptions, EngineKind, EngineStatus, Unsubscribe } from '../engine.ts';
import { HoldfastError, UnavailableError, UnknownOutcomeError } from '../errors.ts';
import { fromReplyError, isReplyError, lostReply } from '../reply-error.ts';
import { scriptDigest } from '../script.ts';
import { CommandEngine } from './command-engine.ts';
import { createClient } from './ioredis-client.ts';
import { IoredisLink } from './ioredis-link.ts';
import { Subscriber } from './ioredis-subscriber.ts';
import { Tracking } from './ioredis-tracking.ts';

/** What the engine uses of ioredis: a method per command that replies bytes. */
type BufferCommands = Record<string, (...args: unknown[]) => Promise<unknown>>;

/** Redis over TCP or TLS with ioredis. Connects in the background and reconnects for ever; calls never wait for that. */
export class IoredisEngine extends CommandEngine {
  override readonly kind: EngineKind = 'ioredis';
  readonly #options: EngineOptions;
  readonly #client: Redis;
  readonly #subscriber: Subscriber;
  readonly #tracking: Tracking | undefined;
  readonly #link: IoredisLink;
  /** Digests of the scripts that the server knows, as far as this connection has seen. */
  readonly #loaded = new Set<string>();
  #closed = false;

  /** `invalidationTarget` lets tests reach the server by another way for the connection that reports invalidations. */
  constructor(options: EngineOptions, invalidationTarget: RedisTarget = options.target) {
    super();
    this.#options = options;
    this.#client = createClient(options, 'commands');
    this.#subscriber = new Subscriber(() => createClient(options, 'subscriber'));
    if (options.tracking !== false && options.target.kind !== 'cluster') {
      this.#tracking = new Tracking({
        name: options.name,
        // Made anew instead of reconnected: each connection has another id.
        createClient: () =>
          createClient({ ...options, target: invalidationTarget }, 'subscriber').duplicate({
            retryStrategy: () => null,
            enableAutoPipelining: false,
          }),
        heartbeatMs: options.trackingHeartbeatMs ?? 1000,
        connectionTimeoutMs: options.connectionTimeoutMs ?? 10_000,
      });
    }
    this.#link = new IoredisLink(options, this.#client);
    this.#link.onChange = (available) => {
      if (!available) this.#loaded.clear(); // The next server may be another one.
      if (available) this.#tracking?.commandsReady(this.#client);
      else this.#tracking?.commandsLost();
    };
    this.#link.connect();
  }

  override get status(): EngineStatus {
    return this.#link.status;
  }

  /** Resolves after the first attempt to connect, successful or not. */
  async settled(): Promise<EngineStatus> {
    await this.#link.settled;
    return this.status;
  }

  protected override async send<Reply>(command: Command<Reply>, options: CallOptions | undefined): Promise<Reply> {
    const startedAt = performance.now();
    const deadlineAt = startedAt + (options?.deadlineMs ?? this.#options.commandTimeoutMs ?? 5000);
    try {
      const reply = await this.#sendUntil(command, deadlineAt);
      this.#publish(command, startedAt, undefined);
      return reply;
    } catch (error) {
      this.#publish(command, startedAt, error);
      throw error;
    }
  }

  protected override async sendAll(list: readonly Command<unknown>[], options?: CallOptions): Promise<BatchResult[]> {
    const startedAt = performance.now();
    const deadlineAt = startedAt + (options?.deadlineMs ?? this.#options.commandTimeoutMs ?? 5000);
    await this.#link.ensure(deadlineAt);
    await this.#load(list, deadlineAt);
    // Commands of one tick travel in one write (auto-pipelining), and each settles by itself.
    return Promise.all(
      list.map(async (command): Promise<BatchResult> => {
        try {
          const value = (await this.#sendUntil(command, deadlineAt)) as never;
          this.#publish(command, startedAt, undefined);
          return { ok: true, value };
        } catch (error) {
          this.#publish(command, startedAt, error);
          return { ok: false, error: error instanceof Error ? error : new Error(String(error)) };
        }
      }),
    );
  }

  /** Resolves once connected, as long as the first attempt to connect lasts; rejects with `UnavailableError` if not. */
  protected ready(options?: CallOptions): Promise<void> {
    return this.#link.ensure(performance.now() + (options?.deadlineMs ?? this.#options.commandTimeoutMs ?? 5000));
  }

  protected get client(): Redis {
    return this.#client;
  }

  /** The client that a command is written to; a cluster has one for each node. */
  protected clientFor(_command: Command<unknown>): Redis {
    return this.#client;
  }

  protected loadScript(lua: string): Promise<unknown> {
    return this.#client.script('LOAD', lua);
  }

  override async subscribe(channel: string, listener: (message: Buffer) => void): Promise<Unsubscribe> {
    if (this.#closed) throw new UnavailableError('The engine is closed.');
    const deadlineAt = performance.now() + (this.#options.connectionTimeoutMs ?? 10_000);
    return withDeadline(this.#subscriber.subscribe(channel, listener), deadlineAt, () => {
      return new UnavailableError(`Subscribing to ${channel} took too long.`);
    });
  }

  override get trackingEpoch(): number {
    return this.#tracking?.epoch ?? 0;
  }

  override onInvalidate(listener: (keys: readonly string[] | null) => void): Unsubscribe {
    return this.#tracking?.onInvalidate(listener) ?? ((): void => undefined);
  }

  override now(): number {
    return this.#link.clock.now();
  }

  override onAvailability(listener: (available: boolean) => void): Unsubscribe {
    return this.#link.onAvailability(listener);
  }

  override close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#link.close();
    this.#subscriber.close();
    this.#tracking?.close();
    return Promise.resolve();
  }

  /**
   * Sends, and sends again while that is safe and there is time. A call that begins while there is no connection fails
   * at once; one that lost its reply waits for the connection to come back, as long as its retries last.
   */
  async #sendUntil<Reply>(command: Command<Reply>, deadlineAt: number): Promise<Reply> {
    const retries = command.safety === 'once' ? 0 : (this.#options.retryAttempts ?? 3);
    await this.#link.ensure(deadlineAt);
    let unknown: UnknownOutcomeError | undefined;
    for (let retry = 0; ; retry += 1) {
      try {
        return await this.#sendOnce(command, deadlineAt);
      } catch (error) {
        const wasLost = error instanceof UnknownOutcomeError || error instanceof UnavailableError;
        // Once a try may have been applied, a later one that certainly was not does not make the call certain again.
        if (error instanceof UnknownOutcomeError) unknown ??= error;
        const delayMs = Math.min(this.#options.retryDelayMs ?? 1000, 50 * 2 ** retry);
        const isInVain = retry >= retries || this.#link.isFrozen || performance.now() + delayMs >= deadlineAt;
        if (!wasLost || isInVain) throw wasLost && unknown ? unknown : error;
        await wait(delayMs);
      }
    }
  }

  /** Makes the scripts of a batch known first: one that is sent again as EVAL would run behind its successors. */
  async #load(list: readonly Command<unknown>[], deadlineAt: number): Promise<void> {
    const missing = new Map<string, string>();
    for (const { script } of list) {
      if (script !== undefined && !this.#loaded.has(scriptDigest(script)))
        missing.set(scriptDigest(script), script.lua);
    }
    for (const [digest, lua] of missing) {
      try {
        const late = (): Error => lostReply('read', 'Redis did not answer SCRIPT LOAD in time.');
        await withDeadline(this.loadScript(lua), deadlineAt, late);
        this.#loaded.add(digest);
      } catch (error) {
        this.#rethrow('read', 'SCRIPT LOAD')(error);
      }
    }
  }

  async #sendOnce<Reply>(command: Command<Reply>, deadlineAt: number): Promise<Reply> {
    // A connection that was made just now may still have to prove itself.
    if (!this.#link.isAvailable) throw this.#link.unavailable();
    const startedAt = performance.now();
    const client = this.clientFor(command);
    const sending = (name: string, args: readonly unknown[]): Promise<unknown> => {
      const method = (client as unknown as BufferCommands)[`${name}Buffer`];
      if (method === undefined) throw new TypeError(`ioredis has no command ${name}.`);
      return withDeadline(method.apply(client, args.map(asArgument)), deadlineAt, () => {
        this.#link.timedOut(performance.now() - startedAt);
        return lostReply(command.safety, `Redis did not answer ${command.name} in time.`);
      });
    };
    try {
      const reply = await sending(command.name, command.args);
      this.#link.answered();
      return command.decode(reply);
    } catch (error) {
      const { script } = command;
      if (script !== undefined && error instanceof Error && error.message.startsWith('NOSCRIPT')) {
        const evaluated = sending('eval', [script.lua, ...command.args.slice(1)]);
        return command.decode(await evaluated.catch(this.#rethrow(command.safety, command.name)));
      }
      return this.#rethrow(command.safety, command.name)(error);
    }
  }

  readonly #rethrow =
    (safety: Safety, name: string) =>
    (error: unknown): never => {
      if (error instanceof HoldfastError || !(error instanceof Error)) throw error;
      if (isReplyError(error)) throw fromReplyError(error.message, error);
      // Refused by the client because there is no connection: it was never written.
      if (error.message.startsWith("Stream isn't writeable")) throw this.#link.unavailable(error);
      throw lostReply(safety, `The connection was lost before Redis answered ${name}.`, error);
    };

  #publish(command: Command<unknown>, startedAt: number, error: unknown): void {
    publishEvent('holdfast:redis:command', () => ({
      engine: this.kind,
      connection: this.#options.name,
      command: command.script === undefined ? command.name : `script:${command.script.name}`,
      commands: 1,
      durationMs: performance.now() - startedAt,
      outcome: outcomeOf(error),
    }));
  }
}

function outcomeOf(error: unknown): 'ok' | 'error' | 'unavailable' | 'unknown' {
  if (error === undefined) return 'ok';
  if (error instanceof UnavailableError) return 'unavailable';
  return error instanceof UnknownOutcomeError ? 'unknown' : 'error';
}

/** ioredis writes a Buffer as it is, and any other Uint8Array as the text of its numbers. */
function asArgument(argument: unknown): unknown {
  return argument instanceof Uint8Array && !Buffer.isBuffer(argument)
    ? Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength)
    : argument;
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
