import { setTimeout as sleep } from 'node:timers/promises';
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
import { type HoldfastError, RequestTooLargeError, UnavailableError, UnknownOutcomeError } from '../errors.ts';
import { lostReply } from '../reply-error.ts';
import { ServerClock } from '../server-clock.ts';
import { CommandEngine } from './command-engine.ts';
import { reconnectDelayMs } from './ioredis-client.ts';
import { PROBE_DEADLINE_MS, PROBE_INTERVAL_MS } from './ioredis-link.ts';
import { type Encoded, encodeCommand, encodeEval, inRequests, plainWrapper } from './upstash-codec.ts';
import { fromBase64 } from './upstash-binary.ts';
import { fromRefusal, isOverQuota, isUsedUp, USED_UP_RETRY_MS } from './upstash-refusals.ts';
import { RestFailure, type RestReply, UpstashClient } from './upstash-client.ts';
import { UpstashSubscriber } from './upstash-subscriber.ts';
import { RestWatch } from './upstash-watch.ts';

export interface UpstashEngineOptions extends EngineOptions {
  readonly target: UpstashTarget;
}

/** A command of a batch that has no result yet. */
interface Pending {
  readonly command: Command<unknown>;
  readonly place: number;
}

interface Sent {
  readonly command: Command<unknown>;
  readonly encoded: Encoded;
}

const REPLY_TEST = 'holdfast';
/** How often the server's clock is measured, at most. */
const CLOCK_INTERVAL_MS = 300_000;
/** So long a call waits for the first answer of all, and a question whether the endpoint is back for its own… */
const ANSWER_MS = 1000;
/** …and each tenth as long as a call, in case the way has become longer. */
const FULL_TIME_EVERY = 10;

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
  readonly #watch: RestWatch;
  /** The longest that is waited for an answer that shows whether the endpoint is there. */
  readonly #answerMs: number;
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
  /** It refuses everything until somebody pays, or the day is over. */
  #isUsedUp = false;
  /** What was published last, while it is away. */
  #toldKind: ConnectionFault['kind'] | undefined;

  constructor(options: UpstashEngineOptions) {
    super();
    this.#options = options;
    this.#client = new UpstashClient(options.target);
    this.#subscriber = new UpstashSubscriber(options.target);
    this.#breaker = new Breaker((state) => this.#setAvailable(state === 'closed'));
    const { probeIntervalMs = PROBE_INTERVAL_MS, connectionTimeoutMs = 10_000 } = options;
    this.#answerMs = probeIntervalMs === 0 ? Infinity : ANSWER_MS;
    this.#watch = new RestWatch({
      intervalMs: probeIntervalMs,
      deadlineMs: options.probeDeadlineMs ?? PROBE_DEADLINE_MS,
      ask: (timeoutMs) => this.#client.send([['PING']], timeoutMs, this.#closing.signal),
      onSilence: (silentMs) => this.#giveUp(silentMs),
    });
    this.#first = this.#hello(connectionTimeoutMs)
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
    if (!this.#attempted) {
      await withDeadline(this.#first, Math.min(deadlineAt, startedAt + this.#answerMs), () => this.#unavailable());
    }
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
      if (again.length === 0 || isOver || !this.#available) break;
      await wait(delayMs);
      pending = again;
    }
    for (const [place, command] of list.entries()) this.#publish(command, startedAt, results[place]);
    return results;
  }

  /** One whose values are too much for one request is asked for in parts. */
  override async mget(keys: readonly string[], options?: CallOptions): Promise<(Buffer | null)[]> {
    const startedAt = performance.now();
    try {
      return await super.mget(keys, options);
    } catch (error) {
      if (!(error instanceof RequestTooLargeError) || keys.length < 2) throw error;
      const deadlineAt = startedAt + deadlineMsOf(options, this.#options.commandTimeoutMs ?? 5000);
      const rest = (): CallOptions => ({ deadlineMs: Math.max(1, Math.ceil(deadlineAt - performance.now())) });
      const middle = Math.ceil(keys.length / 2);
      const first = await this.mget(keys.slice(0, middle), rest());
      return [...first, ...(await this.mget(keys.slice(middle), rest()))];
    }
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
    this.#watch.stop();
    this.#subscriber.close();
    await this.#first;
  }

  /** A request for each megabyte, and another for the scripts that the server turned out not to know (it ran none of these). */
  async #sendOnce(pending: readonly Pending[], deadlineAt: number): Promise<BatchResult[]> {
    const encoded = pending.map(({ command }) => encodeCommand(command, this.#repliesBase64));
    const results: BatchResult[] = [];
    for (const places of inRequests(encoded)) {
      const sent = places.flatMap((place): Sent[] => {
        const [one, code] = [pending[place], encoded[place]];
        return one === undefined || code === undefined ? [] : [{ command: one.command, encoded: code }];
      });
      results.push(...(await this.#request(sent, deadlineAt)));
      const unknown = sent.flatMap((one, index): (Sent & { readonly place: number })[] => {
        const place = (places[0] ?? 0) + index;
        const result = results[place];
        const isUnknown = result?.ok === false && result.error.message.includes('NOSCRIPT');
        return isUnknown ? [{ ...one, encoded: encodeEval(one.encoded), place }] : [];
      });
      if (unknown.length === 0) continue;
      for (const [at, result] of (await this.#request(unknown, deadlineAt)).entries()) {
        const place = unknown[at]?.place;
        if (place !== undefined) results[place] = result;
      }
    }
    return results;
  }

  /** Never rejects: a request that failed is the failure of each of its commands. */
  async #request(sent: readonly Sent[], deadlineAt: number): Promise<BatchResult[]> {
    if (!this.#available) return sent.map(() => ({ ok: false, error: this.#unavailable() }));
    try {
      const rest = sent.map(({ encoded }) => encoded.rest);
      const replies = await this.#watch.during((ended) =>
        this.#client.send(rest, deadlineAt - performance.now(), AbortSignal.any([this.#closing.signal, ended])),
      );
      this.#breaker.succeeded();
      const results = replies.map((reply, index) => this.#result(reply, sent[index]));
      const refused = replies.find((reply) => 'error' in reply && isOverQuota(reply.error));
      if (refused !== undefined && 'error' in refused) await this.#failed(new RestFailure('refused', refused.error));
      return results;
    } catch (error) {
      if (sent.length > 1 && error instanceof RestFailure && isTooLarge(error)) {
        const middle = Math.ceil(sent.length / 2);
        const first = await this.#request(sent.slice(0, middle), deadlineAt);
        return [...first, ...(await this.#request(sent.slice(middle), deadlineAt))];
      }
      await this.#failed(error);
      return sent.map(({ command }) => ({ ok: false, error: this.#errorOf(error, command) }));
    }
  }

  #result(reply: RestReply, sent: Sent | undefined): BatchResult {
    if ('error' in reply) return { ok: false, error: fromRefusal(reply.error) };
    if (sent === undefined) return { ok: false, error: new UnknownOutcomeError('There is no reply.') };
    const decoded = sent.encoded.decode(this.#repliesBase64 ? fromBase64(reply.result) : reply.result);
    return { ok: true, value: sent.command.decode(decoded) as never };
  }

  #errorOf(error: unknown, command: Command<unknown>): HoldfastError {
    if (this.#closing.signal.aborted) return lostReply(command.safety, 'The engine was closed before the reply came.');
    if (!(error instanceof RestFailure))
      return lostReply(command.safety, `The reply was not understood: ${String(error)}`);
    if (error.kind === 'refused') return this.#available ? fromRefusal(error.message) : this.#unavailable();
    if (error.kind === 'not-sent') return this.#unavailable();
    return lostReply(command.safety, `${error.message} (${command.name})`);
  }

  async #failed(error: unknown): Promise<void> {
    if (!(error instanceof RestFailure)) return;
    const fault = explainFault(error, this.#options.target, this.#hasConnected);
    const isShutOut = error.kind === 'refused' && (isAccessRefused(fault.kind) || isOverQuota(error.message));
    // Any other refusal is an answer.
    if (error.kind === 'refused' && !isShutOut) return;
    this.#note(error, fault);
    if (this.#closing.signal.aborted || this.#breaker.state !== 'closed') return;
    if (error.kind === 'not-sent' || isShutOut) await this.#breaker.trip();
    if (await this.#breaker.failed()) void this.#heal();
  }

  /** Requests under way are ended behind this, with an outcome that nobody knows. */
  #giveUp(silentMs: number): void {
    if (this.#closing.signal.aborted || !this.#available) return;
    const reason = `${addressOf(this.#options.target)} has not answered for ${Math.round(silentMs)} ms`;
    this.#fault = { kind: 'silent', reason };
    this.#isUsedUp = false;
    void this.#breaker.trip();
    this.#setAvailable(false);
    void this.#heal();
  }

  #note(error: unknown, fault: ConnectionFault): void {
    this.#fault = fault;
    this.#isUsedUp = error instanceof Error && isUsedUp(error.message);
  }

  /** Asks until it is answered. */
  async #heal(): Promise<void> {
    if (this.#healing) return;
    this.#healing = true;
    for (let attempt = 1; !this.#closing.signal.aborted; attempt += 1) {
      // What is used up is seldom there again soon, and each question counts.
      const pauseMs = this.#isUsedUp ? Math.min(USED_UP_RETRY_MS, 1000 * 2 ** Math.min(attempt, 10)) : 0;
      await wait(Math.max(pauseMs, reconnectDelayMs(attempt)), this.#closing.signal);
      if (this.#closing.signal.aborted) break;
      const longestMs = this.#options.commandTimeoutMs ?? 5000;
      const timeoutMs = attempt % FULL_TIME_EVERY === 0 ? longestMs : Math.min(longestMs, this.#answerMs);
      if (await this.#breaker.attempt(() => this.#hello(timeoutMs))) break;
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
      this.#note(error, explainFault(error, this.#options.target, this.#hasConnected));
      if (!this.#available && this.#fault.kind !== this.#toldKind) this.#tell(false);
      throw error;
    }
  }

  #unavailable(): UnavailableError {
    const retry = this.#isUsedUp ? { retryAfterMs: USED_UP_RETRY_MS } : {};
    return new UnavailableError(`Redis "${this.#options.name}" cannot be used: ${this.#fault.reason}.`, retry);
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

function isTooLarge(failure: RestFailure): boolean {
  return failure.kind === 'refused' && fromRefusal(failure.message) instanceof RequestTooLargeError;
}

async function wait(ms: number, closing?: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { ...(closing !== undefined && { signal: closing }) }).catch(() => undefined);
}
