import { setTimeout as delay } from 'node:timers/promises';
import { endOfGoneJob, isEnd } from './ended-job.ts';
import type { EventFeed, FeedEvent } from './event-feed.ts';
import { isBehind } from './event-position.ts';
import { isOver, readJob, readState } from './read-job.ts';
import type { QueueHandle } from '../port/backend.ts';
import { isFinished, type JobView } from '../job/job-view.ts';
import { maxWaitMs } from '../job/limits.ts';

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
   * The job once it has ended, or as it is when the time is over, `signal` is aborted or this is closed. Of a job that ended
   * meanwhile and was removed by the retention of its queue, what its events tell. `undefined` when there is none.
   *
   * @throws QueueUnavailableError
   */
  async wait(id: string, waitMs: number, signal?: AbortSignal): Promise<JobView | undefined> {
    const deadline = Date.now() + Math.min(waitMs, maxWaitMs);
    const ended = AbortSignal.any([this.#closing.signal, ...(signal === undefined ? [] : [signal])]);
    let listening: Promise<() => void> | undefined;
    let wake = Promise.withResolvers<void>();
    let heard: FeedEvent | undefined;
    try {
      // In this order on one connection: what happens to the job after it was seen first is behind that event.
      const [since, first] = await Promise.all([this.#handle.jobs.lastEventId(), readJob(this.#handle, id)]);
      if (first === undefined || isFinished(first.state) || Date.now() >= deadline || ended.aborted) return first;
      const onEvent = (event: FeedEvent): void => {
        if (!isEnd(event) || !isBehind(event.id, since)) return;
        heard = event;
        wake.resolve();
      };
      for (;;) {
        const atMostMs = Math.max(0, Math.min(deadline - Date.now(), pollMs));
        if (listening === undefined) {
          listening = this.#feed.listen(id, onEvent);
          // Where the store is away, the next look at the job says so.
          await Promise.race([listening.catch(() => undefined), pause(atMostMs, ended)]);
        } else {
          await Promise.race([wake.promise, pause(atMostMs, ended)]);
        }
        // The job is looked at again after the subscription is there, or its end could fall between both. So it is after an
        // event, too: that may be about an earlier run of a job that was retried since.
        wake = Promise.withResolvers<void>();
        const end: FeedEvent | undefined = heard;
        const isLast = Date.now() >= deadline || ended.aborted;
        if (!isLast && end === undefined && !isOver(await readState(this.#handle, id))) continue;
        const now = await readJob(this.#handle, id);
        if (now === undefined) return await endOfGoneJob(this.#handle.jobs, { first, since, heard });
        if (isLast || isFinished(now.state)) return now;
        if (heard === end) heard = undefined;
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
