import { Interruption } from './interruption.ts';
import type { HeldJob } from './worker-registry.ts';

interface Running {
  readonly token: string;
  readonly interruption: Interruption;
}

/** The jobs whose handlers run here, each with a way to tell it to stop. */
export class RunningJobs {
  readonly #running = new Map<string, Running>();
  #stopped: Error | undefined;

  get size(): number {
    return this.#running.size;
  }

  list(): HeldJob[] {
    return [...this.#running].map(([id, { token }]) => ({ id, token }));
  }

  begin({ id, token }: HeldJob): Interruption {
    const interruption = new Interruption();
    this.#running.set(id, { token, interruption });
    if (this.#stopped !== undefined) interruption.raise(this.#stopped);
    return interruption;
  }

  end({ id, token }: HeldJob): void {
    if (this.#running.get(id)?.token === token) this.#running.delete(id);
  }

  /** Tells the job why it is to stop, if it still runs here under this token. */
  interrupt({ id, token }: HeldJob, reason: Error): void {
    const running = this.#running.get(id);
    if (running?.token === token) running.interruption.raise(reason);
  }

  /** Tells all jobs, and each that begins from now on. */
  stop(reason: Error): void {
    this.#stopped = reason;
    for (const { interruption } of this.#running.values()) interruption.raise(reason);
  }
}
