import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { cleanableStates, type CleanableState, type QueueBackend, type Queues } from '@holdfast/queue';

/** What one call removes at most. */
const limit = 10_000;

/**
 * A queue as the board sees it. What removes jobs goes the way of the REST routes: by BullMQ's own, a parent whose children are
 * removed goes on as if they had succeeded, and a long queue is emptied in one command.
 */
export class QueueAdapter extends BullMQAdapter {
  readonly #name: string;
  readonly #admin: Queues['admin'];

  constructor(name: string, backend: QueueBackend, admin: Queues['admin']) {
    super(backend.open(name).queue);
    this.#name = name;
    this.#admin = admin;
  }

  override async empty(): Promise<void> {
    await this.#admin.drain(this.#name);
  }

  override async clean(status: Parameters<BullMQAdapter['clean']>[0], graceTimeMs: number): Promise<void> {
    const state = status === 'wait' ? 'waiting' : status;
    if (!isCleanable(state)) {
      await super.clean(status, graceTimeMs);
      return;
    }
    for (;;) {
      const removed = await this.#admin.clean(this.#name, { state, olderThanMs: graceTimeMs, limit });
      if (removed < limit) return;
    }
  }

  override async getJob(id: string): ReturnType<BullMQAdapter['getJob']> {
    const job = await super.getJob(id);
    if (job === undefined) return undefined;
    return Object.assign(job, { remove: async () => void (await this.#admin.remove(this.#name, id)) });
  }
}

function isCleanable(state: string): state is CleanableState {
  return cleanableStates.some((one) => one === state);
}
