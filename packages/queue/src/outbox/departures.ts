import { setTimeout as delay } from 'node:timers/promises';

/** Tells those who wait for a job of the outbox that it has gone on its way. */
export class Departures {
  readonly #wakers = new Map<string, Set<() => void>>();
  readonly #closing = new AbortController();

  left(queue: string, ids: readonly string[]): void {
    for (const id of ids) for (const wake of this.#wakers.get(keyOf(queue, id)) ?? []) wake();
  }

  /** Resolves when the job has left, the time is over, `signal` is aborted or this is closed. */
  async wait(queue: string, id: string, waitMs: number, signal?: AbortSignal): Promise<void> {
    const key = keyOf(queue, id);
    const left = new AbortController();
    const ended = AbortSignal.any([this.#closing.signal, left.signal, ...(signal === undefined ? [] : [signal])]);
    const wake = (): void => left.abort();
    const wakers = this.#wakers.get(key) ?? new Set();
    wakers.add(wake);
    this.#wakers.set(key, wakers);
    await delay(waitMs, undefined, { signal: ended }).catch(() => undefined);
    wakers.delete(wake);
    if (wakers.size === 0) this.#wakers.delete(key);
  }

  close(): void {
    this.#closing.abort();
  }
}

/** Neither a queue nor an id has a line break. */
function keyOf(queue: string, id: string): string {
  return `${queue}\n${id}`;
}
