import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { QueueChannels, StuckLoopEvent } from '@holdfast/queue';

const channel = 'holdfast:queue:stuck-loop' satisfies keyof QueueChannels;

/** Remembers when the event loop of this process was stuck, for `/health`: while it is, nobody is answered there. */
export class LoopRecord {
  #latest: { readonly endedAt: number; readonly stoodMs: number; readonly limitMs: number } | undefined;
  readonly #onFreed = (event: unknown): void => {
    const { stoodMs, limitMs } = event as StuckLoopEvent;
    this.#latest = { endedAt: Date.now(), stoodMs, limitMs };
  };

  constructor() {
    subscribe(channel, this.#onFreed);
  }

  /** The last time; `undefined` where it never was. Times are milliseconds, `endedAt` since the epoch. */
  get latest(): { readonly endedAt: number; readonly stoodMs: number; readonly limitMs: number } | undefined {
    return this.#latest;
  }

  close(): void {
    unsubscribe(channel, this.#onFreed);
  }
}
