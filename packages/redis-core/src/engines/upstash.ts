import { Breaker } from '../breaker.ts';
import { publishEvent } from '../channels.ts';
import {
  addressOf,
  explainFault,
  isAccessRefused,
  notConnectedYet,
  type ConnectionFault,
} from '../connection-fault.ts';
import type { Command } from '../command.ts';
import { outcomeOf, wasLost } from '../command-outcome.ts';
import type { EngineOptions, UpstashTarget } from '../connection.ts';
import type { BatchResult, CallOptions, EngineKind, EngineStatus, Unsubscribe } from '../engine.ts';
import { deadlineMsOf } from '../engine-rules.ts';
import { withDeadline } from '../deadline.ts';
import { fromReplyError } from '../error-replies.ts';
import { type HoldfastError, UnavailableError, UnknownOutcomeError } from '../errors.ts';
import { lostReply } from '../reply-error.ts';
import { ServerClock } from '../server-clock.ts';
import { CommandEngine } from './command-engine.ts';
import { reconnectDelayMs } from './ioredis-client.ts';
import { type Encoded, encodeCommand, encodeEval, plainWrapper } from './upstash-codec.ts';
import { fromBase64 } from './upstash-binary.ts';
import { RestFailure, type RestReply, UpstashClient } from './upstash-client.ts';
import { UpstashSubscriber } from './upstash-subscriber.ts';

export interface UpstashEngineOptions extends EngineOptions {
  readonly target: UpstashTarget;
}

/** A command of a batch that has no result yet. */
interface Pending {
  readonly command: Command<unknown>;
  readonly place: number;
}

const REPLY_TEST = 'holdfast';
/** How often the server's clock is measured, at most. */
const CLOCK_INTERVAL_MS = 300_000;

/**
 * Redis over the REST protocol of Upstash. There is no connection, so whether it is available is what the last requests
 * say; while they fail, it asks by itself, with growing pauses, and calls fail at once. Reads are not tracked.
 */
export class UpstashEngine extends CommandEngine {
  override readonly kind: EngineKind = 'upstash';
  override readonly tracksReads: boolean = false;
  override readonly trackingEpoch: number = 0;
  readonly #options: UpstashEngineOptions;
  readonly #client: UpstashClient;
  readonly #subscriber: UpstashSubscriber;
  readonly #clock = new ServerClock();
  readonly #closing = new AbortController();
  readonly #breaker: Breaker;
  readonly #availability = new Set<(available: boolean) => void>();
  /** Settles with the first request, which also learns what the server can do. */
  readonly #first: Promise<void>;
  #attempted = false;
  #measuredAt = performance.now();
  #healing = false;
  #available = false;
  /** Whether the server encodes its replies as it was asked to: Upstash does, servers that imitate it may not. */
  #repliesBase64 = true;
  #hasConnected = false;
  #fault: ConnectionFault = { kind: 'other', reason: notConnectedYet };
  /** What was published last, while it is away. */
  #toldKind: ConnectionFault['kind'] | undefined;

  constructor(options: UpstashEngineOptions) {
    super();
    this.#options = options;
    this.#client = new UpstashClient(options.target);
    this.#subscriber = new UpstashSubscriber(options.target);
    this.#breaker = new Breaker((state) => this.#setAvailable(state === 'closed'));
    this.#first = this.#hello(options.connectionTimeoutMs ?? 10_000)
      .then(() => this.#setAvailable(true))
      .catch(() => this.#breaker.trip())
      .finally(() => {
        this.#attempted = true;
        if (!this.#available) void this.#heal();
      });
  }

  override get status(): EngineStatus {
    if (this.#available) return { available: true, breaker: 'closed' };
    return {
      available: false,
      breaker: this.#breaker.state === 'half-open' ? 'half-open' : 'open',
      reason: this.#fault.reason,
      fault: this.#fault.kind,
      ...(this.#hasConnected ? {} : { neverConnected: true }),
    };
  }

  protected override async send<Reply>(command: Command<Reply>, options: CallOptions | undefined): Promise<Reply> {
    const [result] = await this.sendAll([command], options);
    if (result === undefined) throw new UnknownOutcomeError('There is no reply.');
    if (!result.ok) throw result.error;
    return result.value as Reply;
  }

  protected override async sendAll(list: readonly Command<unknown>[], options?: CallOptions): Promise<BatchResult[]> {
    const startedAt = performance.now();
    const deadlineAt = startedAt + deadlineMsOf(options, this.#options.commandTimeoutMs ?? 5000);
    if (!this.#attempted) await withDeadline(this.#first, deadlineAt, () => this.#unavailable());
    if (!this.#available) throw this.#unavailable();
    this.#keepTime(startedAt);
    const results: BatchResult[] = [];
    let pending: Pending[] = list.map((command, place) => ({ command, place }));
    for (let retry = 0; pending.length > 0; retry += 1) {
      const again: Pending[] = [];
      for (const [index, result] of (await this.#sendOnce(pending, deadlineAt)).entries()) {
        const one = pending[index];
        if (one === undefined) continue;
        // What may have been applied once stays unknown, however certainly a later try was not.
        const before = results[one.place];
        const isUnknown = before?.ok === false && before.error instanceof UnknownOutcomeError;
        if (result.ok || !wasLost(result.error) || !isUnknown) results[one.place] = result;
        const mayRepeat =
          one.command.safety !== 'once' || (!result.ok && result.error instanceof UnavailableError && !isUnknown);
        if (!result.ok && wasLost(result.error) && mayRepeat) again.push(one);
      }
      const delayMs = Math.min(this.#options.retryDelayMs ?? 1000, 50 * 2 ** retry);
      const isOver = retry >= (this.#options.retryAttempts ?? 3) || performance.now() + delayMs >= deadlineAt;
      if (again.length === 0 || isOver || this.#closing.signal.aborted) break;
      await wait(delayMs);
      pending = again;
    }
    for (const [place, command] of list.entries()) this.#publish(command, startedAt, results[place]);
    return results;
  }

  override async subscribe(channel: string, listener: (message: Buffer) => void): Promise<Unsubscribe> {
    if (this.#closing.signal.aborted) throw this.#unavailable();
    return this.#subscriber.subscribe(channel, listener, this.#options.connectionTimeoutMs ?? 10_000);
  }

  override async time(options?: CallOptions): Promise<number> {
    const sentAt = performance.now();
    const now = await super.time(options);
    this.#clock.measure(sentAt, performance.now(), now);
    return now;
  }

  /** The two clocks drift apart by seconds a day. Only while it is used: each command may be billed. */
  #keepTime(now: number): void {
    if (now - this.#measuredAt < CLOCK_INTERVAL_MS) return;
    this.#measuredAt = now;
    this.time().catch(() => undefined); // An outage shows in the calls; the clock is asked again.
  }

  override now(): number {
    return this.#clock.now();
  }

  override onInvalidate(): Unsubscribe {
    return () => undefined;
  }

  override onAvailability(listener: (available: boolean) => void): Unsubscribe {
    this.#availability.add(listener);
    return () => this.#availability.delete(listener);
  }

  override async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#availability.clear();
    this.#setAvailable(false);
    this.#fault = { kind: 'other', reason: 'closed' };
    this.#closing.abort();
    this.#subscriber.close();
    await this.#first;
  }

  /** One request, and a second one for the scripts that the server turned out not to know (it ran none of these). */
  async #sendOnce(pending: readonly Pending[], deadlineAt: number): Promise<BatchResult[]> {
    const encoded = pending.map(({ command }) => encodeCommand(command, this.#repliesBase64));
    const results = await this.#request(pending, encoded, deadlineAt);
    const unknown = results.flatMap((result, index) =>
      !result.ok && result.error.message.includes('NOSCRIPT') ? [index] : [],
    );
    if (unknown.length > 0) {
      const asked = unknown.flatMap((index) => {
        const one = pending[index];
        const sent = encoded[index];
        return one === undefined || sent === undefined ? [] : [{ one, sent: encodeEval(sent) }];
      });
      const retried = await this.#request(
        asked.map(({ one }) => one),
        asked.map(({ sent }) => sent),
        deadlineAt,
      );
      for (const [at, index] of unknown.entries()) {
        const result = retried[at];
        if (result !== undefined) results[index] = result;
      }
    }
    return results;
  }

  /** Never rejects: a request that failed is the failure of each of its commands. */
  async #request(pending: readonly Pending[], encoded: readonly Encoded[], deadlineAt: number): Promise<BatchResult[]> {
    try {
      const rest = encoded.map(({ rest: one }) => one);
      const replies = await this.#client.send(rest, deadlineAt - performance.now(), this.#closing.signal);
      this.#breaker.succeeded();
      return replies.map((reply, index) => this.#result(reply, pending[index], encoded[index]));
    } catch (error) {
      await this.#failed(error);
      return pending.map(({ command }) => ({ ok: false, error: this.#errorOf(error, command) }));
    }
  }

  #result(reply: RestReply, one: Pending | undefined, encoded: Encoded | undefined): BatchResult {
    if ('error' in reply) return { ok: false, error: fromReplyError(reply.error) };
    if (one === undefined || encoded === undefined)
      return { ok: false, error: new UnknownOutcomeError('There is no reply.') };
    const decoded = encoded.decode(this.#repliesBase64 ? fromBase64(reply.result) : reply.result);
    return { ok: true, value: one.command.decode(decoded) as never };
  }

  #errorOf(error: unknown, command: Command<unknown>): HoldfastError {
    if (this.#closing.signal.aborted) return lostReply(command.safety, 'The engine was closed before the reply came.');
    if (!(error instanceof RestFailure))
      return lostReply(command.safety, `The reply was not understood: ${String(error)}`);
    if (error.kind === 'refused') return this.#available ? fromReplyError(error.message) : this.#unavailable();
    if (error.kind === 'not-sent') return this.#unavailable();
    return lostReply(command.safety, `${error.message} (${command.name})`);
  }

  async #failed(error: unknown): Promise<void> {
    if (!(error instanceof RestFailure)) return;
    const fault = explainFault(error, this.#options.target, this.#hasConnected);
    const isShutOut = isAccessRefused(fault.kind);
    // Any other refusal is an answer.
    if (error.kind === 'refused' && !isShutOut) return;
    this.#fault = fault;
    if (this.#closing.signal.aborted || this.#breaker.state !== 'closed') return;
    if (error.kind === 'not-sent' || isShutOut) await this.#breaker.trip();
    if (await this.#breaker.failed()) void this.#heal();
  }

  /** Asks until it is answered. */
  async #heal(): Promise<void> {
    if (this.#healing) return;
    this.#healing = true;
    for (let attempt = 1; !this.#closing.signal.aborted; attempt += 1) {
      await wait(reconnectDelayMs(attempt));
      if (this.#closing.signal.aborted) break;
      if (await this.#breaker.attempt(() => this.#hello(this.#options.commandTimeoutMs ?? 5000))) break;
    }
    this.#healing = false;
  }

  /** Learns whether replies can be bytes, loads the script for bytes in requests, and reads the clock. */
  async #hello(timeoutMs: number): Promise<void> {
    const sentAt = performance.now();
    try {
      const [echo, time, loaded] = await this.#client.send(
        [['ECHO', REPLY_TEST], ['TIME'], ['SCRIPT', 'LOAD', plainWrapper.lua]],
        timeoutMs,
        this.#closing.signal,
      );
      if (echo === undefined || !('result' in echo)) throw new RestFailure('refused', errorText(echo));
      if (loaded === undefined || !('result' in loaded)) throw new RestFailure('refused', errorText(loaded));
      this.#repliesBase64 = echo.result === Buffer.from(REPLY_TEST).toString('base64');
      if (time !== undefined && 'result' in time && Array.isArray(time.result)) {
        const [seconds, micros] = time.result.map((part: unknown) =>
          Number(this.#repliesBase64 && typeof part === 'string' ? Buffer.from(part, 'base64').toString() : part),
        );
        this.#clock.measure(sentAt, performance.now(), (seconds ?? 0) * 1000 + (micros ?? 0) / 1000);
      }
    } catch (error) {
      this.#fault = explainFault(error, this.#options.target, this.#hasConnected);
      if (!this.#available && this.#fault.kind !== this.#toldKind) this.#tell(false);
      throw error;
    }
  }

  #unavailable(): UnavailableError {
    return new UnavailableError(`Redis "${this.#options.name}" cannot be used: ${this.#fault.reason}.`);
  }

  #setAvailable(available: boolean): void {
    if (this.#available === available || (available && this.#closing.signal.aborted)) return;
    this.#available = available;
    if (available) this.#hasConnected = true;
    this.#tell(available);
    for (const listener of this.#availability) listener(available);
  }

  #tell(available: boolean): void {
    this.#toldKind = available ? undefined : this.#fault.kind;
    publishEvent('holdfast:redis:availability', () => ({
      engine: this.kind,
      connection: this.#options.name,
      address: addressOf(this.#options.target),
      available,
      ...(available ? {} : { reason: this.#fault.reason, fault: this.#fault.kind }),
    }));
  }

  #publish(command: Command<unknown>, startedAt: number, result: BatchResult | undefined): void {
    publishEvent('holdfast:redis:command', () => ({
      engine: this.kind,
      connection: this.#options.name,
      command: command.script === undefined ? command.name : `script:${command.script.name}`,
      commands: 1,
      durationMs: performance.now() - startedAt,
      outcome: outcomeOf(result?.ok === true ? undefined : result?.error),
    }));
  }
}

function errorText(reply: RestReply | undefined): string {
  return reply !== undefined && 'error' in reply ? reply.error : 'The REST endpoint gave no reply.';
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
