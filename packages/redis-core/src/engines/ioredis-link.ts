import type { Redis } from 'ioredis';
import { Breaker, type BreakerState } from '../breaker.ts';
import { publishEvent } from '../channels.ts';
import type { Command as OwnCommand } from '../command.ts';
import { addressOf, explainFault, isAccessRefused, type ConnectionFault } from '../connection-fault.ts';
import type { EngineOptions, HostAndPort } from '../connection.ts';
import { withDeadline } from '../deadline.ts';
import type { EngineStatus, Unsubscribe } from '../engine.ts';
import { errorReplies, wordOf } from '../error-replies.ts';
import { UnavailableError } from '../errors.ts';
import { idleWatch, Probe } from '../probe.ts';
import { ServerClock } from '../server-clock.ts';
import { ServerLimits } from '../server-limits.ts';
import { WORK_PROOF } from '../work-proof.ts';
import { ConnectPatience } from './connect-patience.ts';
import { askBeside } from './ioredis-beside.ts';
import { FollowedMaster, isConnectedTo } from './failover-watch.ts';
import { endClient } from './ioredis-client.ts';
import { destroyStream } from './ioredis-invalidations.ts';
import { LinkFault } from './link-fault.ts';
import { hearWhyNot } from './refused-connection.ts';
import { PrimarySearch } from './primary-search.ts';
import { RefusedWork } from './refused-work.ts';
import { ServerQuestion } from './server-question.ts';
import { servesReads, takesWrites } from './write-proof.ts';

/** After so much silence Redis is asked, unless the options say otherwise. */
export const PROBE_INTERVAL_MS = 250;
/** How long it may take to answer that. With the interval it bounds how long a frozen Redis goes unnoticed. */
export const PROBE_DEADLINE_MS = 400;
/** The clock is measured so often even on a connection that is never silent: half to one and a half times that. */
export const CLOCK_INTERVAL_MS = 30_000;
/** A caller who gives less time than this says more of itself than of Redis. */
const COUNTED_DEADLINE_MS = 250;
const TOO_MANY = 'too many calls were not answered in time';
/** Connecting anew at once would end the same way, over and over. */
const lasts: ReadonlySet<ConnectionFault['kind']> = new Set(['no-database', 'not-ready']);
/** Rules of access that forbid these say nothing of reads and writes. */
const keyless: ReadonlySet<OwnCommand<unknown>['name']> = new Set(['time', 'publish', 'info', 'scan']);
/** A server that takes the connection and refuses what is needed is asked again after so long. */
const REFUSED_RETRY_MS = 1000;

/**
 * The command connection, and whether it can be used. It can while it is connected and its breaker is closed; the
 * breaker opens when the connection is lost, when the probe hears nothing, or when too many calls go unanswered, and each
 * of these destroys the connection, so that nothing that waits in it is applied later. ioredis makes the next one; once
 * that has answered a question the breaker closes.
 */
export class IoredisLink {
  readonly clock = new ServerClock();
  /** What the server refuses and nobody needs. */
  readonly limits: ServerLimits;
  /** Called with each change, before those who subscribed. */
  onChange: (available: boolean) => void = () => undefined;
  /** Set by whoever writes a command to the client. */
  wasUsed = false;
  /** Whether somebody counts on the connection without using it. */
  isCountedOn: () => boolean = () => false;
  /** What a cluster waits for, once its client is ready, before it can be used; rejects when it cannot. */
  proveCluster: () => Promise<void> = () => Promise.resolve();
  readonly #client: Redis;
  readonly #options: EngineOptions;
  readonly #availability = new Set<(available: boolean) => void>();
  readonly #breaker: Breaker;
  readonly #probe: Probe;
  readonly #question: ServerQuestion;
  readonly #patience: ConnectPatience;
  readonly #fault: LinkFault;
  readonly #refused: RefusedWork;
  readonly #search: PrimarySearch;
  readonly #followed = new FollowedMaster();
  readonly #clockTimer: NodeJS.Timeout;
  /** Of a cluster the nodes come and go by themselves; it has no one socket that could be asked or destroyed. */
  readonly #isCluster: boolean;
  /** Settles with the first attempt to connect, so that the calls made right after the start need not fail. */
  readonly #firstAttempt = Promise.withResolvers<void>();
  #attempted = false;
  #available = false;
  #closed = false;
  #frozen = false;
  #hasConnected = false;
  /** What was published last, while it is away. */
  #toldKind: ConnectionFault['kind'] | undefined;
  #refusedTimer: NodeJS.Timeout | undefined;

  constructor(options: EngineOptions, client: Redis) {
    this.#options = options;
    this.#client = client;
    this.#isCluster = options.target.kind === 'cluster';
    this.limits = new ServerLimits(options.name, this.#address);
    this.#question = new ServerQuestion(client, this.clock, this.limits);
    this.#fault = new LinkFault(options.target);
    this.#breaker = new Breaker((state) => this.#publishBreaker(state));
    this.#search = new PrimarySearch(client);
    this.#refused = new RefusedWork({
      target: options.target,
      askWrites: () => takesWrites(client),
      findPrimary: () => this.#findPrimary(),
      onChange: (refuses) => {
        const { name: connection } = options;
        publishEvent('holdfast:redis:refusals', () => ({ connection, address: this.#address, refuses }));
      },
    });
    client.on('ready', () => void this.#onReady());
    client.on('close', () => this.#onLost());
    client.on('connecting', () => this.#fault.beginAttempt());
    if (!this.#isCluster) hearWhyNot(client, (error) => this.#note(error));
    client.on('error', (error: Error) => {
      // What was found out about the connection before it was destroyed says more than what its end looks like.
      if (this.#available || !this.#frozen) this.#note(error);
      this.#attemptedOnce();
    });
    const intervalMs = this.#isCluster ? 0 : (options.probeIntervalMs ?? PROBE_INTERVAL_MS);
    const deadlineMs = options.probeDeadlineMs ?? PROBE_DEADLINE_MS;
    this.#probe = new Probe({
      intervalMs,
      deadlineMs,
      patienceMs: options.commandTimeoutMs ?? 5000,
      target: {
        received: () => (this.#available ? client.stream.bytesRead : undefined),
        sent: () => client.stream.bytesWritten,
        ask: () => this.#question.ask(),
        askBeside: () => askBeside(client, deadlineMs),
        isInUse: () => {
          if (options.idleProbeIntervalMs !== undefined) return client.commandQueue.length > 0;
          const { wasUsed } = this;
          this.wasUsed = false;
          return wasUsed || this.isCountedOn();
        },
      },
      idle: idleWatch(options.idleProbeIntervalMs),
      onSilence: (silentMs) => this.#giveUp(`Redis has not answered for ${Math.round(silentMs)} ms`),
    });
    this.#patience = new ConnectPatience(options.connectionTimeoutMs ?? 10_000, (reason) => {
      this.#note(new Error(reason));
      destroyStream(client);
      this.#attemptedOnce();
    });
    if (!this.#isCluster) {
      client.on('connecting', () => this.#patience.begin(() => bytesRead(client)));
      client.on('close', () => this.#patience.end());
    }
    this.#clockTimer = setInterval(() => {
      if (!this.#available || this.#isCluster || performance.now() - this.#question.askedAt < CLOCK_INTERVAL_MS / 2)
        return;
      this.#question.ask().catch(() => undefined);
    }, CLOCK_INTERVAL_MS).unref();
  }

  /** Begins to connect, and goes on for ever. */
  connect(): void {
    // An `error` event tells the reason; this rejection only says that the connection is closed.
    this.#client.connect().catch(() => this.#attemptedOnce());
  }

  get status(): EngineStatus {
    const { list } = this.limits;
    const limits = list.length === 0 ? {} : { limits: list };
    if (this.#available) {
      const { refusals } = this.#refused;
      return {
        available: true,
        breaker: 'closed',
        ...(refusals === undefined ? {} : { refuses: refusals }),
        ...limits,
      };
    }
    return {
      available: false,
      breaker: this.#breaker.state === 'half-open' ? 'half-open' : 'open',
      reason: this.#fault.reason,
      ...(this.#fault.current === undefined ? {} : { fault: this.#fault.current.kind }),
      ...(this.#hasConnected ? {} : { neverConnected: true }),
      ...limits,
    };
  }

  get isAvailable(): boolean {
    return this.#available;
  }

  /** Whether Redis itself does not answer, so that waiting for another connection is in vain. */
  get isFrozen(): boolean {
    return this.#frozen;
  }

  /** Settles with the first attempt to connect, successful or not. */
  get settled(): Promise<void> {
    return this.#firstAttempt.promise;
  }

  onAvailability(listener: (available: boolean) => void): Unsubscribe {
    this.#availability.add(listener);
    return () => this.#availability.delete(listener);
  }

  /** Resolves when it can be used; waits for nothing but the first attempt to connect. */
  async ensure(deadlineAt: number): Promise<void> {
    if (this.#available) return;
    if (!this.#attempted && !this.#closed) {
      await withDeadline(this.#firstAttempt.promise, deadlineAt, () => this.unavailable());
    }
    if (!this.#available) throw this.unavailable();
  }

  unavailable(cause?: unknown): UnavailableError {
    return new UnavailableError(`Redis "${this.#options.name}" cannot be used: ${this.#fault.reason}.`, { cause });
  }

  /** A call that began then (`performance.now()`) was answered. */
  answered(startedAt: number): void {
    this.#breaker.succeeded(startedAt);
  }

  /** A call was not answered within so many milliseconds, which its caller had set. */
  timedOut(afterMs: number): void {
    if (afterMs < COUNTED_DEADLINE_MS || !this.#available || this.#isCluster) return;
    // Whether the server is still there is found out beside the upload.
    if (!this.#probe.isUploading) void this.#countFailure();
  }

  /** Redis answered a command with this error reply, which may say something of all others. */
  refused({ name, safety, script }: Pick<OwnCommand<unknown>, 'name' | 'safety' | 'script'>, reply: string): void {
    const word = wordOf(reply);
    if (!this.#available || word === undefined) return;
    switch (errorReplies[word].refuses) {
      case 'writes':
        return this.#refused.noted('writes', reply);
      case 'command':
        return keyless.has(name)
          ? undefined
          : this.#refused.noted(safety === 'read' ? 'reads' : 'writes', reply, script?.name === WORK_PROOF);
      case 'everything':
        return this.#leave(explainFault(new Error(reply), this.#options.target, true), true);
      case 'call':
    }
  }

  /** The sentinels have named another master: what is still written to the old one would be lost with it. */
  switchTo(master: HostAndPort): void {
    if (this.#closed) return;
    if (this.#available && !isConnectedTo(master, this.#client)) {
      const reason = `the sentinels have named ${master.host}:${master.port} the master of ${this.#address}`;
      this.#leave({ kind: 'closed', reason }, false);
    }
    // One that is on its way to the old one is sent on when it has arrived.
    this.#followed.announced(master, undefined);
  }

  /** All work was done once, as a proof. */
  proven(): void {
    this.#refused.proven();
  }

  /** Of a cluster whose client is connected: no master is left that can be used; or (`undefined`) there is one again. */
  mastersAway(reason: string | undefined): void {
    if (reason === undefined) {
      if (this.#client.status === 'ready' && !this.#available && !this.#closed) void this.#onReady();
      return;
    }
    this.#fault.set({ kind: 'other', reason });
    if (this.#available) {
      void this.#breaker.trip();
      this.#setAvailable(false);
    }
  }

  close(): void {
    this.#closed = true;
    this.#fault.set({ kind: 'other', reason: 'closed' });
    this.#frozen = true; // Keeps the reason, and whoever retries need not wait.
    this.#availability.clear();
    this.#setAvailable(false);
    this.#refused.stop();
    this.#search.stop();
    this.#probe.stop();
    this.#patience.stop();
    clearInterval(this.#clockTimer);
    clearTimeout(this.#refusedTimer);
    endClient(this.#client);
    this.#attemptedOnce();
  }

  /** The connection is ready when the library says so; it can be used when Redis has answered a question on it. */
  async #onReady(): Promise<void> {
    if (this.#followed.connected(this.#client)) return;
    if (this.#isCluster) {
      if (!(await this.#isClusterProven())) return;
    } else {
      const isProbed = this.#options.probeIntervalMs !== 0;
      const deadlineMs = isProbed
        ? (this.#options.probeDeadlineMs ?? PROBE_DEADLINE_MS)
        : (this.#options.commandTimeoutMs ?? 5000);
      const late = (): Error => new UnavailableError(`Redis took more than ${deadlineMs} ms to answer`);
      let isProven = false;
      this.#question.begin();
      const isClosed = await this.#breaker.attempt(async () => {
        try {
          await withDeadline(Promise.all([this.#question.ask(), this.#serves()]), performance.now() + deadlineMs, late);
          // The library goes on in the database 0 when the one that it was told is not there, and says so behind that.
          await new Promise((resolve) => setImmediate(resolve));
          isProven = this.#fault.ofAttempt?.kind !== 'no-database';
        } catch (error) {
          this.#note(error);
          throw error;
        }
      });
      // The first failures of all do not open the breaker yet.
      if (!isClosed || !isProven) return this.#closed ? undefined : this.#unproven();
    }
    // Closed or lost meanwhile.
    if (this.#closed || this.#client.status !== 'ready') return;
    this.#patience.succeed();
    this.#frozen = false;
    this.#setAvailable(true);
    this.#attemptedOnce();
  }

  async #isClusterProven(): Promise<boolean> {
    let isProven = false;
    const isClosed = await this.#breaker.attempt(async () => {
      try {
        await this.proveCluster();
        isProven = true;
      } catch (error) {
        this.#note(error);
        throw error;
      }
    });
    // The first failures of all do not open the breaker yet.
    if (isClosed && isProven) return true;
    await this.#breaker.trip();
    this.#attemptedOnce();
    // `mastersAway` comes back here when there is one again, if all are known to be away by then.
    clearTimeout(this.#refusedTimer);
    this.#refusedTimer = setTimeout(() => {
      if (this.#client.status === 'ready' && !this.#available && !this.#closed) void this.#onReady();
    }, PROBE_INTERVAL_MS).unref();
    return false;
  }

  async #countFailure(): Promise<void> {
    const isOpen = await this.#breaker.failed();
    if (isOpen && this.#available) this.#giveUp(TOO_MANY);
  }

  /** It is connected, and does not do what is asked of it. */
  #unproven(): void {
    const kind = this.#fault.current?.kind;
    if (!isAccessRefused(kind) && (kind === undefined || !lasts.has(kind)))
      return this.#giveUp(this.#fault.reason, kind);
    void this.#breaker.trip();
    this.#attemptedOnce();
    clearTimeout(this.#refusedTimer);
    this.#refusedTimer = setTimeout(() => destroyStream(this.#client), REFUSED_RETRY_MS).unref();
  }

  #onLost(): void {
    // It is for the connection that has just ended.
    clearTimeout(this.#refusedTimer);
    this.#fault.lost();
    void this.#breaker.trip();
    this.#setAvailable(false);
    this.#attemptedOnce();
  }

  /** Takes Redis for away, and fails what is in flight, whose outcome is unknown. */
  #giveUp(reason: string, kind: ConnectionFault['kind'] = 'silent'): void {
    this.#fault.set({ kind, reason });
    this.#frozen = true;
    void this.#breaker.trip();
    this.#setAvailable(false);
    destroyStream(this.#client);
  }

  /**
   * Goes to another connection of the same address. What is in flight gets its answer first: the connection is closed from
   * this side. `isFrozen`: no connection will help for now.
   */
  #leave(fault: ConnectionFault, isFrozen: boolean): void {
    this.#fault.set(fault);
    this.#frozen = isFrozen;
    void this.#breaker.trip();
    this.#setAvailable(false);
    this.#client.disconnect(true);
  }

  /** It is a replica: changes over to the primary, if the address leads there by now. */
  async #findPrimary(): Promise<void> {
    if (!(await this.#search.look())) return;
    const fault = this.#refused.refusals?.writes;
    if (this.#available && fault?.kind === 'read-only') this.#leave(fault, false);
  }

  #setAvailable(available: boolean): void {
    if (this.#available === available) return;
    this.#available = available;
    if (!available) this.#refused.forget();
    if (available) {
      this.#fault.set(undefined);
      this.#hasConnected = true;
    }
    this.#tell(available);
    this.onChange(available);
    for (const listener of this.#availability) listener(available);
  }

  get #address(): string {
    return addressOf(this.#options.target);
  }

  #note(error: unknown): void {
    this.#fault.note(error, this.#hasConnected);
  }

  /** While it is away, another reason is worth telling: an outage that has become a wrong password is no outage. */
  #tellFault(): void {
    if (!this.#available && !this.#closed && this.#fault.current?.kind !== this.#toldKind) this.#tell(false);
  }

  #tell(available: boolean): void {
    this.#toldKind = available ? undefined : this.#fault.current?.kind;
    publishEvent('holdfast:redis:availability', () => ({
      engine: 'ioredis',
      connection: this.#options.name,
      address: this.#address,
      available,
      ...(available
        ? {}
        : {
            reason: this.#fault.reason,
            ...(this.#fault.current === undefined ? {} : { fault: this.#fault.current.kind }),
          }),
    }));
  }

  /**
   * Whether it serves us at all: a user that may connect may still be denied every key, and a replica that has lost its
   * master may refuse reads.
   */
  async #serves(): Promise<void> {
    const { ownKey, target } = this.#options;
    if (ownKey === undefined) return servesReads(this.#client);
    try {
      await this.#client.unlink(ownKey);
    } catch (error) {
      const fault = explainFault(error, target);
      if (isAccessRefused(fault.kind) || lasts.has(fault.kind)) throw error;
      // All other replies are about writes.
      if (error instanceof Error && wordOf(error.message) !== undefined) this.#refused.noted('writes', error.message);
      await servesReads(this.#client);
    }
  }

  #attemptedOnce(): void {
    this.#tellFault();
    this.#attempted = true;
    this.#firstAttempt.resolve();
  }

  #publishBreaker(state: BreakerState): void {
    publishEvent('holdfast:redis:breaker', () => ({
      connection: this.#options.name,
      state,
      // It opens while nothing else is known to be wrong: by what it has counted.
      ...(state === 'closed' ? {} : { reason: this.#fault.current?.reason ?? TOO_MANY }),
    }));
  }
}

function bytesRead(client: Redis): number | undefined {
  // Typed as always there, but a client that is still looking for its server has none.
  return (client.stream as Redis['stream'] | undefined)?.bytesRead;
}
