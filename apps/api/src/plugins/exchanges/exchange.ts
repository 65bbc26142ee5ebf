import { HoldfastError } from '@holdfast/redis-core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError, apiErrors } from '@holdfast/modules/http';
import { sendError } from '../errors/index.ts';

/** What nginx logs for a caller who closed the connection before the end of the answer; nobody is ever sent it. */
const callerGoneStatus = 499;

/** Why work was stopped whose caller has left. */
export class CallerGoneError extends Error {
  override readonly name = 'CallerGoneError';

  constructor() {
    super('The caller closed the connection before the end of the answer.');
  }
}

/**
 * One request and its answer, until the answer is out or nobody waits for it any more. The signal is only made for those
 * who ask for it: most requests are answered before anybody could leave.
 */
export class Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  isOver = false;
  /** Its handler works on it, which may last longer than anybody waits. */
  isAtWork = false;
  /** An error was handed over as its answer, which may go out later. */
  isRefused = false;
  /** It was refused so that others are answered: counted, and not worth a line in the log. */
  isShed = false;
  #abandonedFor: Error | undefined;
  #controller: AbortController | undefined;
  #deadline: NodeJS.Timeout | undefined;

  constructor(request: FastifyRequest, reply: FastifyReply) {
    this.request = request;
    this.reply = reply;
  }

  /** Aborted as soon as nobody waits for the answer: the caller has left, the time for it is over, or it is out. */
  get ended(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.isOver || this.isAbandoned) this.#controller.abort(this.#abandonedFor);
    return this.#controller.signal;
  }

  /** The caller has left: nobody can be told anything any more. */
  get isGone(): boolean {
    return this.#abandonedFor instanceof CallerGoneError;
  }

  get isAbandoned(): boolean {
    return this.#abandonedFor !== undefined;
  }

  /** What it is counted and logged as once it is over. */
  get status(): number {
    const { raw, statusCode } = this.reply;
    if (raw.writableFinished) return statusCode;
    if (this.isGone) return callerGoneStatus;
    return this.#abandonedFor instanceof HoldfastError ? this.#abandonedFor.status : apiErrors.internal.status;
  }

  /** Stops the work for it. What is sent then, if anything, is up to whoever calls this. */
  abandon(reason: Error): void {
    if (this.isOver || this.isAbandoned) return;
    this.#abandonedFor = reason;
    this.#controller?.abort(reason);
  }

  /** From now on its answer has so long to be ready; then it is abandoned and answered 503. */
  answerWithin(milliseconds: number): void {
    this.#deadline = setTimeout(expire, milliseconds, this);
  }

  /**
   * What a handler gave, for Fastify to send; nothing once the exchange is abandoned, as the answer is out or nobody is
   * there to read it.
   *
   * @param worked told when the handler has ended
   */
  async settle(answer: Promise<unknown>, worked: (exchange: Exchange) => void): Promise<unknown> {
    try {
      const payload = await answer;
      return this.isAbandoned ? undefined : payload;
    } catch (error) {
      if (!this.isAbandoned) throw error;
      if (!this.explains(error)) this.request.log.error({ err: error }, 'failed after nobody waited for it any more');
      return undefined;
    } finally {
      worked(this);
    }
  }

  /** Whether an error is nothing to look into: it only says that the exchange was abandoned, or what its answer would have been. */
  explains(error: unknown): boolean {
    if (!this.isAbandoned || !(error instanceof Error)) return false;
    if (error === this.#abandonedFor || error.cause === this.#abandonedFor || error instanceof HoldfastError)
      return true;
    return error.name === 'AbortError' || ('code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE');
  }

  /** Its answer is out, or will never be. */
  end(): void {
    this.isOver = true;
    clearTimeout(this.#deadline);
    this.#controller?.abort(this.#abandonedFor);
  }
}

function expire(exchange: Exchange): void {
  const { request, reply, isOver, isAbandoned } = exchange;
  // What has been written to the end is with the network, which has limits of its own.
  if (isOver || isAbandoned || reply.sent) return;
  const reason = new ApiError(apiErrors.handlerTimeout, 'The answer was not ready in time.');
  exchange.abandon(reason);
  if (!reply.raw.headersSent) {
    // Not thrown: some routes (Bull Board) answer errors in a form of their own.
    sendError(reason, request, reply);
    return;
  }
  request.log.warn({ err: reason, code: reason.code }, 'answer cut off');
  reply.raw.destroy();
}
