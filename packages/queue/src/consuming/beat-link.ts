import type { Beat, BeatReply } from '../port/beat.ts';
import { lockRenewMs } from '../port/consumer-tuning.ts';
import type { BeatSender } from './beat-protocol.ts';

/** A main thread beats by itself so soon after its time. Milliseconds. */
const lateMs = 500;
/** After a beat that failed. */
const retryMs = 500;

/**
 * The heartbeats of one process to one store, in the thread that sends them: those that the main thread asks for, and,
 * while that stands, others in their place, which also renew the locks of the jobs that the process holds.
 */
export class BeatLink {
  readonly #sender: BeatSender;
  readonly #onRescued: (queue: string, count: number) => void;
  #last: Beat | undefined;
  #nextAt = 0;
  #renewAt = 0;
  #beating = false;
  /** Since when the link to the store holds: see `BeatSender`. */
  #link: string | undefined;

  constructor(sender: BeatSender, onRescued: (queue: string, count: number) => void) {
    this.#sender = sender;
    this.#onRescued = onRescued;
  }

  /** The names of the queues, once there was a beat. */
  get queues(): readonly string[] {
    return this.#last?.queues.map(({ name }) => name) ?? [];
  }

  async beat(beat: Beat): Promise<BeatReply> {
    this.#last = beat;
    if (beat.renews !== 'none') this.#renewAt = performance.now() + lockRenewMs;
    return this.#send(beat);
  }

  /** While the main thread stands. Never rejects. */
  async keep(): Promise<void> {
    const now = performance.now();
    if (this.#last === undefined || this.#beating || now < this.#nextAt) return;
    const renews = now >= this.#renewAt;
    if (renews) this.#renewAt = now + lockRenewMs;
    const { round } = this.#last;
    const beat: Beat = { ...this.#last, everything: false, renews: renews ? 'all' : 'none', round: round + 1 };
    this.#last = beat;
    try {
      const { queues } = await this.#send(beat);
      queues.forEach(({ rescued }, at) => {
        const name = beat.queues[at]?.name;
        if (name !== undefined && rescued.length > 0) this.#onRescued(name, rescued.length);
      });
      // Another look where there was too much for one.
      if (renews && queues.some(({ lookedAt }) => lookedAt > 0)) this.#renewAt = 0;
      // The main thread may have said more meanwhile.
      if (this.#last !== beat) return;
      this.#last = {
        ...beat,
        queues: beat.queues.map((queue, at) => ({ ...queue, lookedAt: queues[at]?.lookedAt ?? 0 })),
      };
    } catch {
      // What was not renewed is soon.
      if (renews) this.#renewAt = 0;
    }
  }

  async leave(workerId: string, holdsJobs: boolean): Promise<void> {
    this.#last = undefined;
    await this.#sender.leave(workerId, holdsJobs);
  }

  async close(): Promise<void> {
    this.#last = undefined;
    await this.#sender.close();
  }

  async #send(beat: Beat): Promise<BeatReply> {
    const { heartbeatMs } = beat;
    this.#beating = true;
    this.#nextAt = performance.now() + heartbeatMs + Math.min(lateMs, heartbeatMs / 4);
    try {
      const { reply, link } = await this.#sender.beat(beat, this.#link);
      this.#link = link;
      if (reply.dueMs !== undefined) this.#nextAt = Math.min(this.#nextAt, performance.now() + reply.dueMs + lateMs);
      return reply;
    } catch (error) {
      this.#link = 'broken';
      this.#nextAt = performance.now() + Math.min(retryMs, heartbeatMs);
      throw error;
    } finally {
      this.#beating = false;
    }
  }
}
