/** How the keys of all queues of a backend begin. BullMQ's name for what is before the name of the queue is `prefix`. */
export class QueueKeyspace {
  readonly #ofQueue: (queue: string) => string;
  /** What is before the name of a queue in each of its keys, and the character behind that. */
  readonly #before: string;
  readonly #behind: string;

  /** What the keys begin with that are not of one queue, in one slot. */
  readonly home: string;

  private constructor(ofQueue: (queue: string) => string, before: string, behind: string, home: string) {
    this.#ofQueue = ofQueue;
    this.#before = before;
    this.#behind = behind;
    this.home = home;
  }

  /** Keys `<keyPrefix>:{<queue>}:<queue>:<what>`: one hash tag a queue, so that each queue lives in one slot of a cluster. */
  static tagged(keyPrefix: string): QueueKeyspace {
    return new QueueKeyspace((queue) => `${keyPrefix}:{${queue}}`, `${keyPrefix}:{`, '}', `${keyPrefix}:{workers}:`);
  }

  /** Keys `<prefix>:<queue>:<what>`, as programs with BullMQ alone have them. */
  static plain(prefix: string): QueueKeyspace {
    return new QueueKeyspace(() => prefix, `${prefix}:`, ':', `${prefix}:{workers}:`);
  }

  prefixOf(queue: string): string {
    return this.#ofQueue(queue);
  }

  /** What the keys of a queue begin with. */
  baseOf(queue: string): string {
    return `${this.#ofQueue(queue)}:${queue}:`;
  }

  /** Of the first key among the arguments of a command; a queue has no `:` in its name. */
  queueOf(args: readonly unknown[]): string | undefined {
    const key = args.find((each): each is string => typeof each === 'string' && each.startsWith(this.#before));
    const [queue] = key?.slice(this.#before.length).split(this.#behind, 1) ?? [];
    return queue;
  }
}
