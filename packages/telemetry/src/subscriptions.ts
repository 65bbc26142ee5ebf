import { subscribe, unsubscribe } from 'node:diagnostics_channel';

/**
 * Subscriptions to diagnostics channels that end together. A handler that throws would take the process down (Node
 * raises it as an uncaught exception), so what it throws is handed to `onError` instead.
 */
export class Subscriptions<Channels> {
  readonly #ends: (() => void)[] = [];
  readonly #onError: (channel: string) => void;

  constructor(onError: (channel: string) => void) {
    this.#onError = onError;
  }

  on<Name extends keyof Channels & string>(name: Name, handler: (event: Channels[Name]) => void): void {
    const listener = (message: unknown): void => {
      try {
        handler(message as Channels[Name]);
      } catch {
        this.#onError(name);
      }
    };
    subscribe(name, listener);
    this.#ends.push(() => unsubscribe(name, listener));
  }

  close(): void {
    for (const end of this.#ends.splice(0)) end();
  }
}
