import { builtInQueues } from '@holdfast/jobs';
import type { QueueDefinition } from '@holdfast/queue';

/** The queues that are there without a configuration: those of the catalogue, and what modules bring along. */
export class QueuesInCode {
  readonly #definitions: QueueDefinition[] = [...builtInQueues];

  /** For a module that has a queue of its own: the configuration may then say of it what it may of a built-in one. */
  add(...definitions: readonly QueueDefinition[]): void {
    this.#definitions.push(...definitions);
  }

  get definitions(): readonly QueueDefinition[] {
    return [...this.#definitions];
  }

  names(): readonly string[] {
    return this.#definitions.map(({ name }) => name);
  }
}
