import type { QueueHandle } from '../backends/backend.ts';

const maxTokens = 256;
const maxWaitMs = 1000;

/**
 * Removes the markers of adds that were answered, many in one command. A marker is needed only until it is known what
 * became of its add; one that stays, because this process dies or Redis goes, ends by itself.
 */
export class MarkerCleanup {
  readonly #handle: Pick<QueueHandle, 'forget'>;
  #tokens: string[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(handle: Pick<QueueHandle, 'forget'>) {
    this.#handle = handle;
  }

  add(token: string): void {
    this.#tokens.push(token);
    if (this.#tokens.length >= maxTokens) void this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), maxWaitMs).unref();
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const tokens = this.#tokens;
    this.#tokens = [];
    if (tokens.length > 0) await this.#handle.forget(tokens).catch(() => undefined);
  }
}
