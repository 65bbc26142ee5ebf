import type { Redis } from 'ioredis';
import { publishEvent } from '../channels.ts';
import * as commands from '../command.ts';
import type { Command } from '../command.ts';
import { outcomeOf } from '../command-outcome.ts';
import type { EngineOptions, RedisTarget } from '../connection.ts';
import { withDeadline } from '../deadline.ts';
import type {
  BatchResult,
  Bytes,
  CallOptions,
  EngineKind,
  EngineStatus,
  Script,
  ScriptReply,
  Unsubscribe,
} from '../engine.ts';
import { deadlineMsOf } from '../engine-rules.ts';
import { UnavailableError } from '../errors.ts';
import { CommandEngine } from './command-engine.ts';
import { FailoverWatch } from './failover-watch.ts';
import { isCommandRefused } from '../server-limits.ts';
import { WORK_PROOF } from '../work-proof.ts';
import { bearRefusedInfo, createClient } from './ioredis-client.ts';
import { IoredisLink } from './ioredis-link.ts';
import { Sender } from './ioredis-sender.ts';
import { Subscriber } from './ioredis-subscriber.ts';
import { Tracking } from './ioredis-tracking.ts';

/** Redis over TCP or TLS with ioredis. Connects in the background and reconnects for ever; calls never wait for that. */
export class IoredisEngine extends CommandEngine {
  override readonly kind: EngineKind = 'ioredis';
  readonly #options: EngineOptions;
  readonly #client: Redis;
  readonly #subscriber: Subscriber;
  readonly #tracking: Tracking | undefined;
  readonly #link: IoredisLink;
  readonly #sender: Sender;
  readonly #failovers: FailoverWatch | undefined;
  readonly #timeoutMs: number;
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
          bearRefusedInfo(
            createClient({ ...options, target: invalidationTarget }, 'subscriber').duplicate({
              retryStrategy: () => null,
            }),
          ),
        onRefused: (reason) => this.#link.limits.note('tracking', reason),
        onGranted: () => this.#link.limits.lift('tracking'),
        heartbeatMs: options.trackingHeartbeatMs ?? 1000,
        connectionTimeoutMs: options.connectionTimeoutMs ?? 10_000,
      });
    }
    this.#link = new IoredisLink(options, this.#client);
    // A half-open connection is one that Redis may have forgotten, with what it has read: nobody would hear of changes.
    this.#link.isCountedOn = () => this.trackingEpoch !== 0;
    this.#timeoutMs = options.commandTimeoutMs ?? 5000;
    this.#sender = new Sender({
      link: this.#link,
      clientFor: (command) => this.clientFor(command),
      loadScript: (lua) => this.loadScript(lua),
      isInVain: (command, error, retries) => this.isInVain(command, error, retries),
      onRefused: (command, message) => this.refused(command, message),
      retryAttempts: options.retryAttempts ?? 3,
      retryDelayMs: options.retryDelayMs ?? 1000,
      onEnded: (command, startedAt, error) => this.#publish(command, startedAt, error),
    });
    this.#link.onChange = (available) => {
      if (!available) this.#sender.connectionLost();
      if (available) this.#tracking?.commandsReady(this.#client);
      else this.#tracking?.commandsLost();
    };
    if (options.target.kind === 'sentinel') {
      this.#failovers = new FailoverWatch(options.target, options.name, (master) => {
        this.#link.switchTo(master);
        this.#subscriber.switchTo(master);
      });
    }
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

  protected override send<Reply>(command: Command<Reply>, options: CallOptions | undefined): Promise<Reply> {
    const startedAt = performance.now();
    return this.#sender.send(command, startedAt, startedAt + deadlineMsOf(options, this.#timeoutMs));
  }

  protected override sendAll(list: readonly Command<unknown>[], options?: CallOptions): Promise<BatchResult[]> {
    const startedAt = performance.now();
    return this.#sender.sendAll(list, startedAt, startedAt + deadlineMsOf(options, this.#timeoutMs));
  }

  /** Resolves once connected, as long as the first attempt to connect lasts; rejects with `UnavailableError` if not. */
  protected ready(options?: CallOptions): Promise<void> {
    return this.#link.ensure(performance.now() + deadlineMsOf(options, this.#timeoutMs));
  }

  /** The deadline of a call that has none of its own. */
  protected get timeoutMs(): number {
    return this.#timeoutMs;
  }

  protected get client(): Redis {
    return this.#client;
  }

  /** The client that a command is written to; a cluster has one for each node. */
  protected clientFor(_command: Command<unknown>): Redis {
    this.#link.wasUsed = true;
    return this.#client;
  }

  protected get link(): IoredisLink {
    return this.#link;
  }

  /** Whether it cannot help to send again soon what has failed. */
  protected isInVain(_command: Command<unknown>, _error: unknown, _retries: number): boolean {
    return this.#link.isFrozen;
  }

  /** Redis answered a command with this error. */
  protected refused(command: Command<unknown>, message: string): void {
    this.#link.refused(command, message);
  }

  override noteRefusal(key: string, reply: string): void {
    // As a write to that key: where a script asks for more than one knows, that is what it does.
    this.refused(commands.pexpire(key, 1), reply);
  }

  /** A server may not know the scripts any more. */
  protected forgetScripts(): void {
    this.#sender.connectionLost();
  }

  protected loadScript(lua: string): Promise<unknown> {
    return this.#client.script('LOAD', lua);
  }

  override run<Reply extends ScriptReply>(
    script: Script<Reply>,
    keys: readonly string[],
    args: readonly Bytes[],
    options?: CallOptions,
  ): Promise<Reply> {
    const running = super.run(script, keys, args, options);
    return script.name === WORK_PROOF ? this.#proving(running) : running;
  }

  async #proving<Reply>(running: Promise<Reply>): Promise<Reply> {
    const reply = await running;
    this.#link.proven();
    return reply;
  }

  override info(options?: CallOptions): Promise<Readonly<Record<string, string>>> {
    return this.informed(super.info(options));
  }

  /** Notes whether INFO may be asked for. */
  protected async informed<Reply>(asked: Promise<Reply>): Promise<Reply> {
    try {
      const reply = await asked;
      this.#link.limits.lift('info');
      return reply;
    } catch (error) {
      const { cause } = error as { readonly cause?: unknown };
      if (isCommandRefused(cause)) this.#link.limits.note('info', cause.message);
      throw error;
    }
  }

  override async subscribe(channel: string, listener: (message: Buffer) => void): Promise<Unsubscribe> {
    if (this.#closed) throw new UnavailableError('The engine is closed.');
    const deadlineAt = performance.now() + (this.#options.connectionTimeoutMs ?? 10_000);
    return withDeadline(this.#subscriber.subscribe(channel, listener), deadlineAt, () => {
      return new UnavailableError(`Subscribing to ${channel} took too long.`);
    });
  }

  override get tracksReads(): boolean {
    return this.#tracking !== undefined && !this.#link.limits.has('tracking');
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
    this.#failovers?.close();
    this.#subscriber.close();
    this.#tracking?.close();
    return Promise.resolve();
  }

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
