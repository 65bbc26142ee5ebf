import type { HeldJob } from './worker-registry.ts';

/** The jobs whose handlers run here, each with a way to tell it to stop. */
export class RunningJobs {
  readonly #running = new Map<string, { readonly token: string; readonly abort: AbortController }>();

  get size(): number {
    return this.#running.size;
  }

  list(): HeldJob[] {
    return [...this.#running].map(([id, { token }]) => ({ id, token }));
  }

  begin({ id, token }: HeldJob): AbortSignal {
    const abort = new AbortController();
    this.#running.set(id, { token, abort });
    return abort.signal;
  }

  end({ id, token }: HeldJob): void {
    if (this.#running.get(id)?.token === token) this.#running.delete(id);
  }

  /** Tells the job why it is to stop, if it runs here. */
  abort(id: string, reason: Error): void {
    this.#running.get(id)?.abort.abort(reason);
  }
}
