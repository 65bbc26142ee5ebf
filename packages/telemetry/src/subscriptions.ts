import { subscribe, unsubscribe } from 'node:diagnostics_channel';

/** Listens on the diagnostics channels of a library; `Channels` is what it publishes, by channel. */
export interface ChannelListeners<Channels> {
  on<Name extends keyof Channels & string>(name: Name, listener: (event: Channels[Name]) => void): void;
}

/**
 * Subscriptions to diagnostics channels that end together. A listener that throws would take the process down (Node
 * raises it as an uncaught exception), so `onError` is told of it instead.
 */
export class Subscriptions {
  readonly #ends: (() => void)[] = [];
  readonly #onError: (channel: string) => void;

  constructor(onError: (channel: string) => void) {
    this.#onError = onError;
  }

  on(name: string, listener: (event: never) => void): void {
    const guarded = (message: unknown): void => {
      try {
        listener(message as never);
      } catch {
        this.#onError(name);
      }
    };
    subscribe(name, guarded);
    this.#ends.push(() => unsubscribe(name, guarded));
  }

  close(): void {
    for (const end of this.#ends.splice(0)) end();
  }
}
