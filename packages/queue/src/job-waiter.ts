import { setTimeout as delay } from 'node:timers/promises';
import type { EventFeed, FeedEvent } from './admin/event-feed.ts';
import type { QueueHandle } from './backends/backend.ts';
import { isFinished } from './job-view.ts';
import { maxWaitMs } from './limits.ts';

/** The net under the events: the state is also asked so often. */
const pollMs = 1000;

export interface JobWaiterOptions {
  readonly handle: QueueHandle;
  readonly feed: EventFeed;
}

/** Waits for jobs of one queue to end. */
export class JobWaiter {
  readonly #handle: QueueHandle;
  readonly #feed: EventFeed;
  readonly #closing = new AbortController();

  constructor({ handle, feed }: JobWaiterOptions) {
    this.#handle = handle;
    this.#feed = feed;
  }

  /**
   * Resolves when the job has ended, does not exist, the time is over, `signal` is aborted or this is closed.
   *
   * @throws QueueUnavailableError
   */
  async wait(id: string, waitMs: number, signal?: AbortSignal): Promise<void> {
    const deadline = Date.now() + Math.min(waitMs, maxWaitMs);
    const ended = AbortSignal.any([this.#closing.signal, ...(signal === undefined ? [] : [signal])]);
    let listening: Promise<() => void> | undefined;
    let wake = Promise.withResolvers<void>();
    const onEvent = ({ kind }: FeedEvent): void => {
      if (kind === 'completed' || kind === 'failed') wake.resolve();
    };
    try {
      for (;;) {
        // The state is asked again after the subscription is there, or the end of the job could fall between both. It is asked
        // after an event, too: that may be about an earlier run of a job that was retried since.
        wake = Promise.withResolvers<void>();
        const state = await this.#handle.call((queue) => queue.getJobState(id));
        if (isFinished(state) || state === 'unknown') return;
        const leftMs = deadline - Date.now();
        if (leftMs <= 0 || ended.aborted) return;
        const atMostMs = Math.min(leftMs, pollMs);
        if (listening === undefined) {
          listening = this.#feed.listen(id, onEvent);
          // Where the store is away, the next question for the state says so.
          await Promise.race([listening.catch(() => undefined), pause(atMostMs, ended)]);
        } else {
          await Promise.race([wake.promise, pause(atMostMs, ended)]);
        }
      }
    } finally {
      listening?.then(
        (stop) => stop(),
        () => undefined,
      );
    }
  }

  close(): void {
    this.#closing.abort();
  }
}

async function pause(milliseconds: number, ended: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal: ended }).catch(() => undefined);
}
