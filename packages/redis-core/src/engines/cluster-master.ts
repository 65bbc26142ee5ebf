import { Command, type Redis } from 'ioredis';
import { withDeadline } from '../deadline.ts';
import type { Refusals } from '../engine.ts';
import { UnavailableError } from '../errors.ts';
import { idleWatch, Probe } from '../probe.ts';
import { isReplyError } from '../reply-error.ts';
import { ServerClock } from '../server-clock.ts';
import { isCommandRefused, type ServerLimits } from '../server-limits.ts';
import { ConnectPatience } from './connect-patience.ts';
import { askBeside } from './ioredis-beside.ts';
import { endClient, reconnectDelayMs } from './ioredis-client.ts';
import { destroyStream } from './ioredis-invalidations.ts';
import { RefusedWork } from './refused-work.ts';
import { takesWrites } from './write-proof.ts';

export interface MasterOptions {
  /** `host:port`. */
  readonly address: string;
  /** After so much silence it is asked. 0: never. */
  readonly probeIntervalMs: number;
  /** As in `EngineOptions`. */
  readonly idleProbeIntervalMs?: number | undefined;
  /** How long it may take to answer that. */
  readonly probeDeadlineMs: number;
  /** The longest that a call to it lasts. */
  readonly commandTimeoutMs: number;
  /** The longest that one attempt to connect may take. */
  readonly connectionTimeoutMs: number;
  readonly limits: ServerLimits;
  /** Called when it went away, with the reason, and when it is back. */
  readonly onChange: (master: ClusterMaster) => void;
  /** Called when what it refuses, although it is there, is something else than before, or nothing any more. */
  readonly onRefusals: () => void;
}

/**
 * One master of a cluster, and whether it can be used: the circuit breaker of its slots. It opens when the connection is
 * lost or hears nothing, and then the connection is destroyed, so that nothing that waits in it is applied later. While it
 * is open no call is sent; a connection of its own tries whether the master is back.
 */
export class ClusterMaster {
  readonly clock = new ServerClock();
  readonly address: string;
  /** Set by whoever sends it a command. */
  wasUsed = false;
  readonly #options: MasterOptions;
  readonly #probe: Probe;
  readonly #patience: ConnectPatience;
  readonly #refused: RefusedWork;
  readonly #measured = Promise.withResolvers<void>();
  readonly #answered = Promise.withResolvers<void>();
  /** The client's connection, which the calls use. */
  #node: Redis | undefined;
  #trial: Redis | undefined;
  #trialTimer: NodeJS.Timeout | undefined;
  #reason: string | undefined;
  #isFrozen = false;
  #closed = false;
  /** Whether it refused its TIME since it was connected to. */
  #isTimeRefused = false;
  #askedAt = -Infinity;

  constructor(options: MasterOptions) {
    this.#options = options;
    this.address = options.address;
    const colon = options.address.lastIndexOf(':');
    this.#refused = new RefusedWork({
      target: {
        kind: 'standalone',
        host: options.address.slice(0, colon),
        port: Number(options.address.slice(colon + 1)),
      },
      askWrites: async () => (this.#node?.status === 'ready' ? takesWrites(this.#node) : undefined),
      onChange: () => options.onRefusals(),
    });
    this.#probe = new Probe({
      intervalMs: options.probeIntervalMs,
      deadlineMs: options.probeDeadlineMs,
      patienceMs: options.commandTimeoutMs,
      target: {
        received: () => (this.#node?.status === 'ready' ? this.#node.stream.bytesRead : undefined),
        sent: () => this.#node?.stream.bytesWritten ?? 0,
        ask: () => this.measure(),
        askBeside: async () => {
          if (this.#node !== undefined) await askBeside(this.#node, options.probeDeadlineMs);
        },
        isInUse: () => {
          if (options.idleProbeIntervalMs !== undefined) return (this.#node?.commandQueue.length ?? 0) > 0;
          const { wasUsed } = this;
          this.wasUsed = false;
          return wasUsed;
        },
      },
      idle: idleWatch(options.idleProbeIntervalMs),
      onSilence: (silentMs) => this.#lose(`it has not answered for ${Math.round(silentMs)} ms`, true),
    });
    this.#patience = new ConnectPatience(options.connectionTimeoutMs, (reason) => {
      // The attempt that hangs is the trial's, or that of the connection that the calls wait for.
      if (this.#trial !== undefined) destroyStream(this.#trial);
      else this.#lose(reason, true);
    });
  }

  /** Why it cannot be used; `undefined` while it can. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Whether it does not answer, so that trying again soon is in vain. */
  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** Resolves when its clock was measured once, or is known not to be told. */
  get measured(): Promise<void> {
    return this.#measured.promise;
  }

  /** What it refuses although it is there. */
  get refusals(): Refusals | undefined {
    return this.#refused.refusals;
  }

  /** A command was answered with an error that says something of all others of its kind. */
  noted(work: 'reads' | 'writes', reply: string): void {
    if (this.#reason === undefined) this.#refused.noted(work, reply);
  }

  /** Resolves when it has answered something once. */
  get answered(): Promise<void> {
    return this.#answered.promise;
  }

  unavailable(): UnavailableError {
    return new UnavailableError(`The node ${this.address} of the cluster is away: ${this.#reason ?? 'not connected'}.`);
  }

  /** It answers, and serves nobody: it loads its data, or the cluster is down as this node sees it. */
  refused(message: string): void {
    this.#lose(message, false);
  }

  /** Uses the connection that the client has for it now, and connects where it has not. */
  attach(node: Redis): void {
    const isNew = this.#node !== node;
    if (isNew) this.#listen(node);
    if (this.#reason !== undefined || node.status === 'ready') return;
    if (node.status === 'wait') node.connect().catch(() => undefined); // `close` says so too.
    else if (!isNew) return;
    this.#patience.begin(() => bytesRead(node));
  }

  #listen(node: Redis): void {
    this.#node = node;
    node.on('ready', () => {
      if (this.#node !== node) return;
      this.#isTimeRefused = false;
      this.#patience.succeed();
      this.measure().catch(() => undefined);
    });
    node.on('close', () => {
      if (this.#node === node) this.#lose('the connection was lost', false);
    });
    this.measure().catch(() => undefined);
  }

  /** When it was last asked, on the clock of `performance.now()`. */
  get askedAt(): number {
    return this.#askedAt;
  }

  /** Asks it for its TIME. */
  async measure(): Promise<void> {
    const node = this.#node;
    if (node?.status === 'ready') await this.#ask(node);
  }

  /** Never calls anybody again. */
  close(): void {
    this.#closed = true;
    this.#refused.stop();
    this.#probe.stop();
    this.#patience.stop();
    clearTimeout(this.#trialTimer);
    if (this.#trial !== undefined) endClient(this.#trial);
    this.#measured.resolve();
    this.#answered.resolve();
  }

  #lose(reason: string, isFrozen: boolean): void {
    if (this.#node !== undefined) destroyStream(this.#node);
    if (this.#closed || this.#reason !== undefined) return;
    this.#patience.end();
    this.#isFrozen = isFrozen;
    this.#reason = reason;
    this.#refused.forget();
    this.#options.onChange(this);
    void this.#try(1);
  }

  /** Connects, and asks once: with an answer it is back, if it serves. */
  async #try(attempt: number): Promise<void> {
    const trial = this.#node?.duplicate({ lazyConnect: true, retryStrategy: null });
    if (trial === undefined) return;
    this.#trial = trial;
    trial.on('error', (error: Error) => {
      if (!this.#isFrozen && this.#reason !== undefined) this.#reason = error.message;
    });
    let isBack = false;
    try {
      this.#patience.begin(() => bytesRead(trial));
      await trial.connect();
      const late = (): Error => new UnavailableError('TIME was not answered.');
      await withDeadline(this.#ask(trial), performance.now() + this.#options.probeDeadlineMs, late);
      isBack = await withDeadline(this.#serves(trial), performance.now() + this.#options.probeDeadlineMs, late);
      this.#patience.succeed();
    } catch {
      this.#patience.end();
    }
    this.#trial = undefined;
    destroyStream(trial);
    endClient(trial);
    if (this.#closed) return;
    if (isBack) this.#back();
    else this.#trialTimer = setTimeout(() => void this.#try(attempt + 1), reconnectDelayMs(attempt)).unref();
  }

  /** One that has just started refuses all keys until it has heard of the others; so does one of a minority. */
  async #serves(connection: Redis): Promise<boolean> {
    try {
      const isServing = (await connection.cluster('INFO')).includes('cluster_state:ok');
      if (!isServing) this.#reason = 'it says that the cluster is down';
      return isServing;
    } catch (error) {
      // One that may not be asked (ACL) is taken at its word.
      if (error instanceof Error && isReplyError(error)) return true;
      throw error;
    }
  }

  #back(): void {
    this.#reason = undefined;
    this.#isFrozen = false;
    this.#options.onChange(this);
  }

  /** Its TIME; where that is refused, whether it is there at all. A refusal is an answer too. */
  async #ask(connection: Redis): Promise<void> {
    this.#askedAt = performance.now();
    try {
      if (this.#isTimeRefused) await connection.ping();
      else await this.#askTime(connection);
    } catch (error) {
      if (!(error instanceof Error) || !isReplyError(error)) throw error;
      if (!isCommandRefused(error)) return;
      this.#isTimeRefused = true;
      this.#options.limits.note('clock', error.message);
      this.#measured.resolve();
    }
    this.#answered.resolve();
  }

  async #askTime(connection: Redis): Promise<void> {
    const sentAt = performance.now();
    const reply = await connection.sendCommand(new Command('time', [], { replyEncoding: 'utf8' }));
    const [seconds = NaN, microseconds = NaN] = Array.isArray(reply) ? reply.map(Number) : [];
    this.clock.measure(sentAt, performance.now(), seconds * 1000 + microseconds / 1000);
    this.#options.limits.lift('clock');
    this.#measured.resolve();
  }
}

function bytesRead(client: Redis): number | undefined {
  // Typed as always there, but a client that never connected has none.
  return (client.stream as Redis['stream'] | undefined)?.bytesRead;
}
