import { Interruption } from './interruption.ts';
import type { HeldJob } from '../port/worker-registry.ts';

interface Running {
  readonly token: string;
  readonly interruption: Interruption;
}

/** Jobs that are expected to begin; the oldest is forgotten first, as some were handed in long ago and never will. */
const maxExpected = 100;

/** The jobs whose handlers run here, each with a way to tell it to stop. */
export class RunningJobs {
  readonly #running = new Map<string, Running>();
  /** By token: one that is fetched under it and does not run yet. */
  readonly #expected = new Map<string, { readonly id: string; readonly onBegun: () => void }>();
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
    const expected = this.#expected.get(token);
    if (expected?.id === id) {
      this.#expected.delete(token);
      expected.onBegun();
    }
    return interruption;
  }

  /** Calls back when the job runs: at once, or, of one that was fetched only now, when it begins. */
  whenBegun({ id, token }: HeldJob, onBegun: () => void): void {
    if (this.#running.get(id)?.token === token) {
      onBegun();
      return;
    }
    this.#expected.delete(token);
    this.#expected.set(token, { id, onBegun });
    const [oldest] = this.#expected.keys();
    if (this.#expected.size > maxExpected && oldest !== undefined) this.#expected.delete(oldest);
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
