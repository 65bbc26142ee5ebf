import {
  errorReplies,
  PrimarySearch,
  RefusedWork,
  takesWrites,
  wordOf,
  type RedisTarget,
  type Refusals,
} from '@holdfast/redis-core';
import type { ConnectionWatch, RedisClient } from './connection-watch.ts';

type Asked = Parameters<typeof takesWrites>[0];
type Searching = ConstructorParameters<typeof PrimarySearch>[0];

/**
 * What the Redis of a queue refuses although it is there, as its replies have shown. Where that is because it is a replica by
 * now, a connection is made to whatever its address leads to, as soon as that takes writes.
 */
export class QueueRefusals {
  readonly #work: RefusedWork;
  readonly #watch: ConnectionWatch;
  readonly #follows: boolean;
  readonly #onLeft: () => void;
  #search: { readonly client: RedisClient; readonly past: PrimarySearch } | undefined;

  /**
   * @param key one of the queue, by which a cluster knows whom to ask
   * @param onLeft told when this connection has left a replica, for others to do so as well: who only reads is refused nothing
   */
  constructor(watch: ConnectionWatch, target: RedisTarget, key: string, onLeft: () => void) {
    this.#onLeft = onLeft;
    this.#watch = watch;
    // In a cluster the slots are followed.
    this.#follows = target.kind !== 'cluster';
    this.#work = new RefusedWork({
      target,
      askWrites: async () => {
        const client = watch.ready;
        // BullMQ's type of a client knows the commands that BullMQ needs.
        return client === undefined ? undefined : takesWrites(client as unknown as Asked, key);
      },
      findPrimary: () => this.#findPrimary(),
      onChange: () => undefined, // Whoever wants to know asks for the status.
    });
  }

  get refusals(): Refusals | undefined {
    return this.#work.refusals;
  }

  /** Redis replied to something with this error. */
  note(work: 'reads' | 'writes', reply: string, isProof = false): void {
    const word = wordOf(reply);
    if (word === undefined) return;
    const { refuses } = errorReplies[word];
    if (refuses === 'everything') this.#work.noted('everything', reply);
    else if (refuses === 'writes') this.#work.noted('writes', reply);
    else if (refuses === 'command') this.#work.noted(work, reply, isProof);
  }

  /** All work was done once. */
  proven(): void {
    this.#work.proven();
  }

  stop(): void {
    this.#work.stop();
    this.#search?.past.stop();
  }

  async #findPrimary(): Promise<void> {
    const client = this.#watch.ready;
    if (client === undefined || !this.#follows) return;
    if (this.#search?.client !== client) {
      this.#search = { client, past: new PrimarySearch(client as unknown as Searching) };
    }
    if (!(await this.#search.past.look())) return;
    (client as unknown as Searching).disconnect(true);
    this.#onLeft();
  }
}
