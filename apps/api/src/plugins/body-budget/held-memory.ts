import type { ShedReason } from '../load/index.ts';
import type { ApiError } from '@holdfast/modules/http';
import type { Exchange } from '../exchanges/exchange.ts';
import { refuseBody } from '../node-answers/client-error.ts';
import type { ByteBudget, Holder } from './byte-budget.ts';

/** A caller who is slower than this, over so long, gives way to others. */
const slowestBytesPerSecond = 64 * 1024;
const windowMs = 2000;

/** What one exchange holds of the budget: for its body, and for its answer. */
export class HeldMemory implements Holder {
  readonly #budget: ByteBudget;
  readonly #exchange: Exchange;
  readonly #shed: (reason: ShedReason) => ApiError;
  #bodyBytes = 0;
  #answerBytes = 0;
  /** Since when, and with how many bytes over the connection, its pace is measured. */
  #since = 0;
  #movedBefore = 0;

  constructor(budget: ByteBudget, exchange: Exchange, shed: (reason: ShedReason) => ApiError) {
    this.#budget = budget;
    this.#exchange = exchange;
    this.#shed = shed;
    this.#restart();
  }

  /** @throws ApiError OVERLOADED where there is no room */
  holdBody(bytes: number): void {
    this.#hold(bytes, this.#answerBytes);
  }

  /** @throws ApiError OVERLOADED where there is no room */
  holdAnswer(bytes: number): void {
    this.#hold(this.#bodyBytes, bytes);
  }

  release(): void {
    this.#budget.release(this);
  }

  /** Only who waits for its caller can be slow: for more of a body, or for what is written to be taken. */
  isSlow(): boolean {
    const elapsedMs = performance.now() - this.#since;
    if (!(this.#isReceiving || this.#isSending) || elapsedMs < windowMs) return false;
    const moved = this.#moved - this.#movedBefore;
    this.#restart();
    return moved * 1000 < slowestBytesPerSecond * elapsedMs;
  }

  giveWay(): void {
    const { request, reply } = this.#exchange;
    const refusal = this.#shed('slow');
    this.release();
    if (this.#isReceiving) refuseBody(this.#exchange, refusal, request.raw.socket);
    else {
      this.#exchange.abandon(refusal);
      reply.raw.destroy();
    }
  }

  get #isReceiving(): boolean {
    const { request, isAtWork, reply } = this.#exchange;
    return !isAtWork && !reply.sent && !request.raw.complete;
  }

  get #isSending(): boolean {
    const { reply, isAtWork } = this.#exchange;
    return !isAtWork && reply.raw.headersSent && reply.raw.writableLength > 0;
  }

  /** Bytes that have come and gone over its connection. */
  get #moved(): number {
    const { socket } = this.#exchange.request.raw;
    return socket.bytesRead + socket.bytesWritten - socket.writableLength;
  }

  #restart(): void {
    this.#since = performance.now();
    this.#movedBefore = this.#moved;
  }

  #hold(bodyBytes: number, answerBytes: number): void {
    if (!this.#budget.hold(this, bodyBytes + answerBytes)) throw this.#shed('bytes');
    this.#bodyBytes = bodyBytes;
    this.#answerBytes = answerBytes;
  }
}
