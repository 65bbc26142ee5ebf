import type { QueueHandle } from '../port/backend.ts';

/** Of one command. */
const maxTokens = 256;
const maxWaitMs = 1000;
/** What is remembered while the store is away; beyond it, markers end by themselves. */
const maxRemembered = 10_000;

/**
 * Removes the markers of adds that were answered, many in one command. A marker is needed only until it is known what
 * became of its add; one that stays, because this process dies, ends by itself.
 */
export class MarkerCleanup {
  readonly #handle: Pick<QueueHandle, 'forget'>;
  #tokens: string[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(handle: Pick<QueueHandle, 'forget'>) {
    this.#handle = handle;
  }

  add(...tokens: readonly string[]): void {
    this.#tokens.push(...tokens);
    this.#tokens.splice(0, this.#tokens.length - maxRemembered);
    if (this.#tokens.length > 0) this.#timer ??= setTimeout(() => void this.flush(), maxWaitMs).unref();
    if (this.#tokens.length >= maxTokens) void this.flush();
  }

  /** Never rejects. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const tokens = this.#tokens;
    this.#tokens = [];
    for (let at = 0; at < tokens.length; at += maxTokens) {
      try {
        await this.#handle.forget(tokens.slice(at, at + maxTokens));
      } catch {
        this.#later(tokens.slice(at));
        return;
      }
    }
  }

  /** The store is away: again in a while, and not with each add that comes meanwhile. */
  #later(tokens: readonly string[]): void {
    this.#tokens = [...tokens, ...this.#tokens].slice(-maxRemembered);
    this.#timer ??= setTimeout(() => void this.flush(), maxWaitMs).unref();
  }
}
