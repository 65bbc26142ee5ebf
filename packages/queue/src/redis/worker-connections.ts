import type { CancelListener } from './cancel-listener.ts';
import type { RedisVersions } from './version.ts';
import type { SharedConnection } from './shared-connection.ts';

/** What the workers of a backend share: all of a worker but what blocks. */
export interface WorkerConnection {
  readonly shared: SharedConnection;
  readonly cancels: CancelListener;
  readonly versions: RedisVersions;
  /** See `WorkerConnectionControl`. */
  readonly flush: () => void;
}

/** Makes the connection of the workers with the first of them, and ends it with the last. */
export class WorkerConnections {
  readonly #create: (blockSeconds: number) => WorkerConnection;
  /** By how long the workers block, which decides what patience a connection has. */
  readonly #open = new Map<number, { readonly connection: WorkerConnection; users: number }>();

  constructor(create: (blockSeconds: number) => WorkerConnection) {
    this.#create = create;
  }

  get all(): readonly SharedConnection[] {
    return [...this.#open.values()].map(({ connection }) => connection.shared);
  }

  /** `release` is called once, when the worker has ended. */
  take(blockSeconds: number): { readonly connection: WorkerConnection; readonly release: () => Promise<void> } {
    const open = this.#open.get(blockSeconds) ?? { connection: this.#create(blockSeconds), users: 0 };
    this.#open.set(blockSeconds, open);
    open.users += 1;
    const release = async (): Promise<void> => {
      open.users -= 1;
      if (open.users > 0) return;
      // From here on the connection ends because it is to.
      this.#open.delete(blockSeconds);
      await open.connection.shared.close();
    };
    return { connection: open.connection, release };
  }
}
