import { EventEmitter } from 'node:events';
import { connectionLostMark, type PgliteClient, type QueryResult } from './pglite-client.ts';

/**
 * What BullMQ's PostgreSQL backend sees as a `pg.Pool`. There is one PGlite and it has one session, so a pool is a
 * matter of taking turns: a client that has said BEGIN has the database for itself until COMMIT or ROLLBACK, and every
 * other query waits for that.
 */
export class PgPool extends EventEmitter {
  /** BullMQ caps its waits at 10 s for a pool without keep-alive; there is no socket here that could die silently. */
  readonly options = { keepAlive: true } as const;
  readonly #pglite: PgliteClient;
  readonly #listening = new Map<string, Promise<void>>();
  /** The end of the transaction that has the database for itself, and whose it is. */
  #transaction: { readonly owner: PgPoolClient; readonly ended: PromiseWithResolvers<void> } | undefined;
  #ended = false;

  constructor(pglite: PgliteClient) {
    super();
    // Every queue, worker and event reader listens here.
    this.setMaxListeners(0);
    this.#pglite = pglite;
  }

  async query(text: string, params?: readonly unknown[]): Promise<QueryResult> {
    return this.run(undefined, text, params);
  }

  async connect(): Promise<PgPoolClient> {
    if (this.#ended) throw poolEnded();
    return new PgPoolClient(this, this.#pglite);
  }

  async end(): Promise<void> {
    this.#ended = true;
  }

  /** For the clients of this pool. */
  async run(owner: PgPoolClient | undefined, text: string, params?: readonly unknown[]): Promise<QueryResult> {
    if (this.#ended) throw poolEnded();
    while (this.#transaction !== undefined && this.#transaction.owner !== owner) {
      await this.#transaction.ended.promise;
    }
    const listen = /^\s*LISTEN\s+"?(\w+)"?/im.exec(text)?.[1];
    if (listen !== undefined) {
      await this.#listen(listen);
      return { rows: [], rowCount: 0 };
    }
    if (owner !== undefined && /^\s*(BEGIN|START TRANSACTION)\b/i.test(text)) {
      this.#transaction ??= { owner, ended: Promise.withResolvers() };
    }
    try {
      return await this.#pglite.query(text, params === undefined || params.length === 0 ? null : params);
    } finally {
      if (owner !== undefined && /^\s*(COMMIT|ROLLBACK|END)\b(?!\s+TO)/i.test(text)) this.endTransaction(owner);
    }
  }

  /** Lets the others go on when this client's transaction has ended. */
  endTransaction(owner: PgPoolClient): void {
    if (this.#transaction?.owner !== owner) return;
    const { ended } = this.#transaction;
    this.#transaction = undefined;
    ended.resolve();
  }

  hasTransaction(owner: PgPoolClient): boolean {
    return this.#transaction?.owner === owner;
  }

  /** One subscription a channel in the database, however many clients listen. */
  async #listen(channel: string): Promise<void> {
    const listening = this.#listening.get(channel) ?? this.#pglite.listen(channel);
    this.#listening.set(channel, listening);
    try {
      await listening;
    } catch (error) {
      // The thread died: the next one who asks is not to be told the same for ever.
      this.#listening.delete(channel);
      throw error;
    }
  }
}

/**
 * The message that BullMQ looks for, with the mark that makes a worker wait before it asks again (see
 * `connectionLostMark`).
 */
function poolEnded(): Error {
  return new Error(`Cannot use a pool after calling end on the pool (${connectionLostMark}).`);
}

/** What BullMQ sees as a `pg.PoolClient`. It emits `notification` like one that listens on every channel. */
export class PgPoolClient extends EventEmitter {
  readonly #pool: PgPool;
  readonly #pglite: PgliteClient;
  readonly #onNotification = (channel: string, payload: string): void => {
    this.emit('notification', { channel, payload });
  };

  constructor(pool: PgPool, pglite: PgliteClient) {
    super();
    this.setMaxListeners(0);
    this.#pool = pool;
    this.#pglite = pglite;
    pglite.on('notification', this.#onNotification);
  }

  async query(text: string, params?: readonly unknown[]): Promise<QueryResult> {
    return this.#pool.run(this, text, params);
  }

  release(): void {
    this.#pglite.off('notification', this.#onNotification);
    // A client that is given back in the middle of a transaction must not hold up everybody else.
    if (this.#pool.hasTransaction(this)) void this.query('ROLLBACK').catch(() => this.#pool.endTransaction(this));
  }
}
