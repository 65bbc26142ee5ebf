import type { QueueEvents } from 'bullmq';
import { setTimeout as delay } from 'node:timers/promises';
import type { QueueHandle } from './backends/backend.ts';
import { publishEvent } from './channels.ts';
import { isFinished } from './job-view.ts';
import { maxWaitMs } from './limits.ts';

/** How long the subscription outlives its last waiter, so that a caller that polls does not open it each time. */
const idleCloseMs = 10_000;
/**
 * The net under the events: the state is also asked after these waits, the last one over and over. The first ones are
 * short because the reader of the events begins a moment after its connection is there.
 */
const pollsMs = [100, 400, 1000];

export interface JobWaiterOptions {
  readonly handle: QueueHandle;
  readonly openEvents: () => QueueEvents;
}

/**
 * Waits for jobs of one queue to end. The events of the queue are read only while somebody waits, because a reader is
 * a connection and a stream of commands.
 */
export class JobWaiter {
  readonly #handle: QueueHandle;
  readonly #openEvents: () => QueueEvents;
  readonly #wakers = new Map<string, Set<() => void>>();
  readonly #closing = new AbortController();
  #events: QueueEvents | undefined;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor({ handle, openEvents }: JobWaiterOptions) {
    this.#handle = handle;
    this.#openEvents = openEvents;
  }

  /**
   * Resolves when the job has ended, does not exist, the time is over, `signal` is aborted or this is closed.
   *
   * @throws QueueUnavailableError
   */
  async wait(id: string, waitMs: number, signal?: AbortSignal): Promise<void> {
    const deadline = Date.now() + Math.min(waitMs, maxWaitMs);
    const ended = AbortSignal.any([this.#closing.signal, ...(signal === undefined ? [] : [signal])]);
    let opened = false;
    let polls = 0;
    let finished = false;
    const wake = Promise.withResolvers<void>();
    const onEvent = (): void => {
      finished = true;
      wake.resolve();
    };
    try {
      for (;;) {
        // The state is asked again after the subscription is there, or the end of the job could fall between both.
        const state = await this.#handle.call((queue) => queue.getJobState(id));
        if (isFinished(state) || state === 'unknown' || finished) return;
        const leftMs = deadline - Date.now();
        if (leftMs <= 0 || ended.aborted) return;
        if (!opened) {
          opened = true;
          this.#register(id, onEvent);
          await Promise.race([this.#subscribed(), pause(Math.min(leftMs, 1000), ended)]);
        } else {
          const pollMs = pollsMs[Math.min(polls++, pollsMs.length - 1)] ?? leftMs;
          await Promise.race([wake.promise, pause(Math.min(leftMs, pollMs), ended)]);
        }
      }
    } finally {
      if (opened) this.#unregister(id, onEvent);
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#idleTimer);
    await this.#closeEvents();
  }

  #register(id: string, onEvent: () => void): void {
    clearTimeout(this.#idleTimer);
    const wakers = this.#wakers.get(id) ?? new Set();
    wakers.add(onEvent);
    this.#wakers.set(id, wakers);
  }

  #unregister(id: string, onEvent: () => void): void {
    const wakers = this.#wakers.get(id);
    wakers?.delete(onEvent);
    if (wakers?.size === 0) this.#wakers.delete(id);
    if (this.#wakers.size > 0 || this.#closing.signal.aborted) return;
    this.#idleTimer = setTimeout(() => void this.#closeEvents(), idleCloseMs);
    this.#idleTimer.unref();
  }

  async #subscribed(): Promise<void> {
    if (this.#events === undefined) {
      const events = this.#openEvents();
      this.#events = events;
      events.on('error', (error) => this.#report(error));
      events.on('completed', ({ jobId }) => this.#wake(jobId));
      // A failed attempt that is tried again emits `failed` too on neither backend: the event means the end.
      events.on('failed', ({ jobId }) => this.#wake(jobId));
    }
    try {
      await this.#events.waitUntilReady();
    } catch (error) {
      this.#report(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #wake(id: string): void {
    for (const waker of this.#wakers.get(id) ?? []) waker();
  }

  async #closeEvents(): Promise<void> {
    const events = this.#events;
    this.#events = undefined;
    if (events === undefined) return;
    // With the store away, BullMQ's close may wait for a reply that never comes.
    await Promise.race([events.close().catch((error: unknown) => this.#report(error as Error)), delay(2000)]);
  }

  #report(error: Error): void {
    publishEvent('holdfast:queue:error', () => ({ queue: this.#handle.name, part: 'events', error }));
  }
}

async function pause(milliseconds: number, ended: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal: ended }).catch(() => undefined);
}
