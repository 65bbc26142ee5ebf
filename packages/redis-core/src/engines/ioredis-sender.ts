import { channel } from 'node:diagnostics_channel';
import type { Redis } from 'ioredis';
import type { RedisChannels } from '../channels.ts';
import type { Command, Safety } from '../command.ts';
import { wasLost } from '../command-outcome.ts';
import { withDeadline } from '../deadline.ts';
import { DeadlineWheel } from '../deadline-wheel.ts';
import type { BatchReply, BatchResult } from '../engine.ts';
import { fromReplyError } from '../error-replies.ts';
import { HoldfastError, UnavailableError, UnknownOutcomeError } from '../errors.ts';
import { lostReply, replyOf } from '../reply-error.ts';
import { scriptDigest } from '../script.ts';
import { Attempt, BatchAttempt } from './ioredis-attempt.ts';
import type { IoredisLink } from './ioredis-link.ts';
import { BatchedCommand } from './ioredis-writes.ts';

export interface SenderOptions {
  readonly link: IoredisLink;
  /** The client that a command is written to; a cluster has one for each node. */
  readonly clientFor: (command: Command<unknown>) => Redis;
  readonly loadScript: (lua: string) => Promise<unknown>;
  /** Whether it cannot help to send again soon what has failed with this error, after so many retries. */
  readonly isInVain: (command: Command<unknown>, error: unknown, retries: number) => boolean;
  readonly retryAttempts: number;
  readonly retryDelayMs: number;
  /** Redis refused a command with this error reply. */
  readonly onRefused: (command: Command<unknown>, message: string) => void;
  /** A call is over, with this error if it failed. */
  readonly onEnded: (command: Command<unknown>, startedAt: number, error: unknown) => void;
}

const commandChannel = channel('holdfast:redis:command' satisfies keyof RedisChannels);

/**
 * Sends commands until they are answered or their deadline has passed, and again while that is safe and there is time.
 *
 * The usual case, connected and answered, has no timer, no `async` and one promise besides the client's own: it happens
 * some hundred thousand times a second. All else is kept out of it.
 */
export class Sender {
  readonly #options: SenderOptions;
  readonly #link: IoredisLink;
  readonly #wheel = new DeadlineWheel();
  /** Digests of the scripts that the server knows, as far as this connection has seen. */
  readonly #loaded = new Set<string>();

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#link = options.link;
  }

  /** The next server may be another one. */
  connectionLost(): void {
    this.#loaded.clear();
  }

  /**
   * A call that begins while there is no connection fails at once; one that lost its reply waits for the connection to
   * come back, as long as its retries last. Times are those of `performance.now()`.
   */
  send<Reply>(command: Command<Reply>, startedAt: number, deadlineAt: number): Promise<Reply> {
    if (!this.#link.isAvailable) return this.#ended(command, startedAt, this.#sendLater(command, deadlineAt));
    const written = this.#write(command, command.name, command.args);
    const attempt = new Attempt(this.#link, startedAt, command, written);
    this.#wheel.add(attempt, deadlineAt);
    return written.promise.then(
      (reply) => {
        this.#wheel.remove(attempt);
        this.#link.answered(startedAt);
        if (commandChannel.hasSubscribers) this.#options.onEnded(command, startedAt, undefined);
        return command.decode(reply);
      },
      (error: unknown) => {
        this.#wheel.remove(attempt);
        const outcome = this.#outcomeOf(command, startedAt, deadlineAt, error);
        return this.#ended(command, startedAt, this.#retried(command, deadlineAt, outcome));
      },
    );
  }

  /** One deadline for all; each is settled by itself. Rejects only when nothing was sent. */
  async sendAll(list: readonly Command<unknown>[], startedAt: number, deadlineAt: number): Promise<BatchResult[]> {
    if (!this.#link.isAvailable) await this.#link.ensure(deadlineAt);
    await this.#load(list, deadlineAt);
    if (!this.#link.isAvailable) throw this.#link.unavailable();
    return new Promise((resolve) => {
      const results: BatchResult[] = [];
      const written = list.map((command) => this.#write(command, command.name, command.args));
      const attempt = new BatchAttempt(this.#link, startedAt, list, written);
      this.#wheel.add(attempt, deadlineAt);
      let left = list.length;
      const settle = (index: number, result: BatchResult): void => {
        results[index] = result;
        left -= 1;
        if (left > 0) return;
        this.#wheel.remove(attempt);
        this.#link.answered(startedAt);
        resolve(results);
      };
      for (const [index, command] of list.entries()) {
        written[index]?.promise.then(
          (reply) => settle(index, this.#read(command, startedAt, reply)),
          (error: unknown) => {
            const outcome = this.#outcomeOf(command, startedAt, deadlineAt, error);
            this.#ended(command, startedAt, this.#retried(command, deadlineAt, outcome)).then(
              (value) => settle(index, { ok: true, value: value as BatchReply }),
              (final: unknown) => settle(index, { ok: false, error: asError(final) }),
            );
          },
        );
      }
    });
  }

  #read(command: Command<unknown>, startedAt: number, reply: unknown): BatchResult {
    if (commandChannel.hasSubscribers) this.#options.onEnded(command, startedAt, undefined);
    try {
      return { ok: true, value: command.decode(reply) as BatchReply };
    } catch (error) {
      return { ok: false, error: asError(error) };
    }
  }

  /** Hands a command to the client; its promise tells all else. */
  #write(command: Command<unknown>, name: string, args: Command<unknown>['args']): BatchedCommand {
    const written = new BatchedCommand(name, args);
    try {
      this.#options.clientFor(command).sendCommand(written);
    } catch (error) {
      written.reject(asError(error));
    }
    return written;
  }

  async #sendLater<Reply>(command: Command<Reply>, deadlineAt: number): Promise<Reply> {
    await this.#link.ensure(deadlineAt);
    return this.#retried(command, deadlineAt, this.#sendOnce(command, deadlineAt));
  }

  async #sendOnce<Reply>(command: Command<Reply>, deadlineAt: number): Promise<Reply> {
    // A connection that was made just now may still have to prove itself.
    if (!this.#link.isAvailable) throw this.#link.unavailable();
    const startedAt = performance.now();
    try {
      return await this.#answer(command, startedAt, deadlineAt, command.name, command.args);
    } catch (error) {
      return this.#outcomeOf(command, startedAt, deadlineAt, error);
    }
  }

  async #answer<Reply>(
    command: Command<Reply>,
    startedAt: number,
    deadlineAt: number,
    name: string,
    args: Command<unknown>['args'],
  ): Promise<Reply> {
    const written = this.#write(command, name, args);
    const attempt = new Attempt(this.#link, startedAt, command, written);
    this.#wheel.add(attempt, deadlineAt);
    try {
      const reply: unknown = await written.promise;
      this.#link.answered(startedAt);
      return command.decode(reply);
    } finally {
      this.#wheel.remove(attempt);
    }
  }

  /** What a try has come to that the client failed: an error of ours, or the reply of a script that had to be sent whole. */
  async #outcomeOf<Reply>(
    command: Command<Reply>,
    startedAt: number,
    deadlineAt: number,
    error: unknown,
  ): Promise<Reply> {
    const { script } = command;
    if (script === undefined || !(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) {
      const reply = error instanceof Error ? replyOf(error) : undefined;
      if (reply !== undefined) this.#options.onRefused(command, reply);
      throw this.#explained(command, startedAt, error);
    }
    const args = [script.lua, ...command.args.slice(1)];
    try {
      return await this.#answer(command, startedAt, deadlineAt, 'eval', args);
    } catch (failure) {
      throw this.#explained(command, startedAt, failure);
    }
  }

  /** Sends again, while that is safe and there is time. `outcome` is that of the first try. */
  async #retried<Reply>(command: Command<Reply>, deadlineAt: number, outcome: Promise<Reply>): Promise<Reply> {
    let trying = outcome;
    let unknown: UnknownOutcomeError | undefined;
    for (let retry = 0; ; retry += 1) {
      try {
        return await trying;
      } catch (error) {
        const isLost = wasLost(error);
        // Once a try may have been applied, a later one that certainly was not does not make the call certain again.
        if (error instanceof UnknownOutcomeError) unknown ??= error;
        const delayMs = Math.min(this.#options.retryDelayMs, 50 * 2 ** retry);
        // What was certainly not applied may be sent again, whatever it does; unless an earlier try may have been applied.
        const mayRepeat = command.safety !== 'once' || (error instanceof UnavailableError && unknown === undefined);
        const isOver = !mayRepeat || retry >= this.#options.retryAttempts || performance.now() + delayMs >= deadlineAt;
        if (!isLost || isOver || this.#options.isInVain(command, error, retry))
          throw isLost && unknown ? unknown : error;
        await wait(delayMs);
        trying = this.#sendOnce(command, deadlineAt);
      }
    }
  }

  /** Makes the scripts of a batch known first: one that is sent again as EVAL would run behind its successors. */
  async #load(list: readonly Command<unknown>[], deadlineAt: number): Promise<void> {
    const missing = new Map<string, Command<unknown>>();
    for (const command of list) {
      if (command.script === undefined) continue;
      const digest = scriptDigest(command.script);
      if (!this.#loaded.has(digest)) missing.set(digest, command);
    }
    for (const [digest, { script }] of missing) {
      const startedAt = performance.now();
      try {
        const late = (): Error => lostReply('read', 'Redis did not answer SCRIPT LOAD in time.');
        await withDeadline(this.#options.loadScript(script?.lua ?? ''), deadlineAt, late);
        this.#loaded.add(digest);
      } catch (error) {
        throw this.#explained({ safety: 'read', name: 'SCRIPT LOAD' }, startedAt, error);
      }
    }
  }

  #explained(
    { safety, name }: { readonly safety: Safety; readonly name: string },
    startedAt: number,
    error: unknown,
  ): unknown {
    if (error instanceof HoldfastError || !(error instanceof Error)) return error;
    const reply = replyOf(error);
    if (reply !== undefined) {
      this.#link.answered(startedAt);
      return fromReplyError(reply, error);
    }
    // Refused by the client because there is no connection: it was never written.
    if (error.message.startsWith("Stream isn't writeable")) return this.#link.unavailable(error);
    return lostReply(safety, `The connection was lost before Redis answered ${name}.`, error);
  }

  /** Tells of the end of a call, and settles as it does. */
  async #ended<Reply>(command: Command<Reply>, startedAt: number, outcome: Promise<Reply>): Promise<Reply> {
    try {
      const reply = await outcome;
      this.#options.onEnded(command, startedAt, undefined);
      return reply;
    } catch (error) {
      this.#options.onEnded(command, startedAt, error);
      throw error;
    }
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
