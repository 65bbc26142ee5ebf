import { EndOfJob } from './ended-job.ts';
import type { EventFeed } from './event-feed.ts';
import { readJob, seeJob, isOver, type SeenJob } from './read-job.ts';
import { Wakings } from './wakings.ts';
import type { QueueHandle } from '../port/backend.ts';
import { isFinished, type JobView } from '../job/job-view.ts';
import { maxWaitMs } from '../job/limits.ts';

export interface JobWaiterOptions {
  readonly handle: QueueHandle;
  readonly feed: EventFeed;
}

/** Waits for jobs of one queue to end. A wait costs two reads of its job, however long it is: what comes between is told. */
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
    const wakings = new Wakings(Math.min(waitMs, maxWaitMs), [this.#closing.signal, signal]);
    const end = new EndOfJob(this.#handle.jobs, id, () => wakings.wake());
    const listen = async (): Promise<() => void> =>
      this.#feed.listen(id, {
        onEvent: (event) => end.heard(event),
        onReset: (eventId) => end.reset(eventId),
        onLook: ({ state }) => {
          if (isOver(state)) wakings.wake();
        },
        onAway: (error) => wakings.fail(error),
      });
    // Whoever listens before he looks need not look again; but to begin to listen is dear where the job has ended already.
    let listening = this.#feed.isOpen ? listen() : undefined;
    try {
      if (listening !== undefined) await wakings.unlessOver(listening);
      const first = await seeJob(this.#handle, id);
      if (first === undefined || isFinished(first.job.state) || wakings.areOver) return first?.job;
      const heardAll = listening !== undefined;
      end.sawFirst(first, heardAll);
      if (listening === undefined) {
        listening = listen();
        await wakings.unlessOver(listening);
        // Its end may have fallen between both.
        const [look] = (await this.#handle.jobs.look([id], 0)).jobs;
        if (look === undefined || isOver(look.state)) wakings.wake();
      }
      return await this.#untilEnd(first, end, wakings);
    } finally {
      wakings.end();
      listening?.then(
        (stop) => stop(),
        () => undefined,
      );
    }
  }

  close(): void {
    this.#closing.abort();
  }

  async #untilEnd({ job: { id } }: SeenJob, end: EndOfJob, wakings: Wakings): Promise<JobView | undefined> {
    for (;;) {
      await wakings.next();
      const isLast = wakings.areOver;
      const heard = end.latest;
      // The end that was heard may be that of an earlier run of a job that was retried since.
      const now = await readJob(this.#handle, id);
      if (now === undefined) return end.ofGoneJob();
      if (isLast || isFinished(now.state)) return now;
      end.forget(heard);
    }
  }
}
