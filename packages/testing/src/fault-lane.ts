import type { Socket } from 'node:net';

interface Parcel {
  readonly chunk: Buffer;
  readonly dueAt: number;
}

/** One direction of a proxied connection: passes bytes on in order, later, not yet, or never. */
export class Lane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #waiting: Parcel[] = [];
  #mode: 'pass' | 'hold' | 'drop' = 'pass';
  #delayMs = 0;
  /** So many bytes are passed on, and then none. */
  #credit = Infinity;
  #isDead = false;
  #hasEnded = false;
  #timer: NodeJS.Timeout | undefined;
  /** Sees each chunk first; returns true when it has dealt with it. */
  onChunk: (chunk: Buffer) => boolean = () => false;

  constructor(from: Socket, to: Socket) {
    this.#from = from;
    this.#to = to;
    from.on('data', (chunk: Buffer) => this.#take(chunk));
    from.once('end', () => {
      this.#hasEnded = true;
      this.#pump();
    });
    to.on('drain', () => this.#resume());
    from.once('close', () => clearTimeout(this.#timer));
  }

  set(mode: 'pass' | 'hold' | 'drop', delayMs: number): void {
    this.#mode = mode;
    this.#delayMs = delayMs;
    this.#credit = Infinity;
    if (mode === 'hold') this.#from.pause();
    else this.#resume();
    if (mode === 'drop' && this.#waiting.length > 0) this.discard();
    this.#pump();
  }

  /** Passes about so many bytes more, in whole chunks, and holds back the rest, until it is set again. */
  allow(bytes: number): void {
    this.#credit = bytes;
    this.#resume();
    this.#pump();
  }

  /** From now on bytes are read and thrown away, for good. Returns those that had not been passed on yet. */
  discard(): Buffer[] {
    this.#isDead = true;
    this.#from.resume();
    return this.#waiting.splice(0).map((parcel) => parcel.chunk);
  }

  #take(chunk: Buffer): void {
    if (this.#isDead || this.#mode === 'drop') {
      this.discard();
      return;
    }
    if (this.onChunk(chunk)) return;
    this.#waiting.push({ chunk, dueAt: performance.now() + this.#delayMs });
    this.#pump();
  }

  #pump(): void {
    clearTimeout(this.#timer);
    if (this.#mode === 'hold') return;
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined) break;
      const waitMs = next.dueAt - performance.now();
      // A heal (`pass`) also releases what a delay holds back.
      if (waitMs > 0 && this.#delayMs > 0) {
        this.#timer = setTimeout(() => this.#pump(), Math.ceil(waitMs));
        return;
      }
      if (this.#credit <= 0) {
        this.#from.pause();
        return;
      }
      this.#credit -= next.chunk.length;
      this.#waiting.shift();
      if (!this.#to.destroyed && !this.#to.write(next.chunk)) this.#from.pause();
    }
    // A half-open connection after lost bytes stays silent: its end is lost as well.
    if (this.#hasEnded && !this.#isDead && !this.#to.destroyed) this.#to.end();
  }

  #resume(): void {
    if (this.#mode !== 'hold') this.#from.resume();
  }
}
