import { randomUUID } from 'node:crypto';
import type { QueueBeatReply, Beats } from '../port/beat.ts';
import type { QueueBackend } from '../port/backend.ts';
import { lockRenewMs, type PresenceTimes } from '../port/consumer-tuning.ts';
import type { HeldJob } from '../port/worker-registry.ts';

/** The worker of one queue, as far as the heartbeat of its process is concerned. */
export interface PresentWorker {
  readonly queue: string;
  /** See `QueueBackend.prefixOf`. */
  readonly prefix: string;
  readonly crashLimit: number;
  /** The jobs that were fetched and not handed in. */
  readonly held: () => readonly HeldJob[];
  /** Gives back a job that the store believes to run here. */
  readonly giveBack: (job: HeldJob) => Promise<unknown>;
  /** Each beat that was answered. */
  readonly onReply: (reply: QueueBeatReply) => void;
  readonly onError: (error: Error) => void;
}

export interface PresenceOptions {
  /** Called once, when the first worker begins. */
  readonly openBeats: () => Beats;
  readonly times: PresenceTimes;
  /** The last worker has left: nobody joins this one any more. */
  readonly onEnd?: () => void;
}

/** After a beat that failed: soon enough for the presence to hold when the store is only away for a moment. */
const retryMs = 500;
/** How often a process looks for jobs that belong to nobody. */
const lookMs = 15_000;
/** A fetch that has not come to its worker after this time never will. */
const fetchPatienceMs = 6000;

interface Member extends PresentWorker {
  readonly registered: PromiseWithResolvers<void>;
  lookedAt: number;
  /** Jobs under tokens of this worker that only the store knew of at the last look, and since when. */
  orphans: ReadonlyMap<string, number>;
}

/**
 * The heartbeat of one process: that of its workers of all queues. Each beat is one command, and does everything at once:
 * see `Beats.beat`.
 */
export class Presence {
  /** Its time to live is part of its name, so that others know how long to wait for it. */
  readonly processId: string;
  readonly #options: PresenceOptions;
  #beats: Beats | undefined;
  readonly #members = new Set<Member>();
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> | undefined;
  /** Another beat is wanted, and the one that is under way may have looked before. */
  #again = false;
  #nextLookAt = Number.NEGATIVE_INFINITY;
  #renewAt = 0;
  #round = 0;
  /** How many workers there were, and how many there are. */
  #entered = 0;
  #present = 0;
  #healthyMs = 0;
  #stopped = false;
  /** One that has left could not give back all of its jobs. */
  #holdsJobs = false;

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.processId = `hf${options.times.ttlMs}.${randomUUID()}`;
  }

  /** One more worker of this process, which may begin later. */
  enter(): WorkerPresence {
    this.#entered += 1;
    this.#present += 1;
    const workerId = `${this.processId}/${this.#entered}`;
    const registered = Promise.withResolvers<void>();
    let member: Member | undefined;
    let leaving: Promise<void> | undefined;
    return {
      workerId,
      registered: registered.promise,
      begin: (worker) => {
        if (leaving !== undefined) return;
        member = { ...worker, registered, lookedAt: 0, orphans: new Map() };
        this.#members.add(member);
        this.#nextLookAt = Number.NEGATIVE_INFINITY;
        this.hurry();
      },
      isSteady: () => this.#healthyMs >= this.#options.times.ttlMs,
      hurry: () => this.hurry(),
      lookAround: () => this.lookAround(),
      leave: async () => {
        registered.resolve();
        leaving ??= this.#leave(member);
        await leaving;
      },
    };
  }

  /** Beats now instead of at its time; after the beat that is under way, if there is one. */
  hurry(): void {
    if (this.#timer !== undefined || this.#beating === undefined) this.#schedule(0);
    else this.#again = true;
  }

  /** Beats now, and looks for jobs that only the store believes to run here: a link to it broke. */
  lookAround(): void {
    this.#nextLookAt = Number.NEGATIVE_INFINITY;
    this.hurry();
  }

  /** The jobs that the worker still holds are given back; nobody died, so that is no crash. */
  async #leave(member: Member | undefined): Promise<void> {
    this.#present -= 1;
    const isLast = this.#present === 0;
    if (member !== undefined) this.#members.delete(member);
    if (isLast) {
      this.#stopped = true;
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#options.onEnd?.();
      await this.#beating;
    }
    const given = await Promise.allSettled((member?.held() ?? []).map(async (job) => member?.giveBack(job)));
    this.#holdsJobs ||= given.some(({ status }) => status === 'rejected');
    if (!isLast || this.#beats === undefined) return;
    try {
      await this.#beats.leave(this.processId, this.#holdsJobs);
    } finally {
      await this.#beats.close();
    }
  }

  #schedule(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#beating = this.#beat().finally(() => (this.#beating = undefined));
    }, milliseconds);
  }

  async #beat(): Promise<void> {
    const { openBeats, times } = this.#options;
    const { heartbeatMs, ttlMs } = times;
    this.#beats ??= openBeats();
    const startedAt = performance.now();
    this.#again = false;
    const everything = startedAt >= this.#nextLookAt;
    if (everything) this.#nextLookAt = startedAt + Math.max(lookMs, ttlMs);
    const renews = startedAt >= this.#renewAt ? 'named' : 'none';
    const members = [...this.#members];
    this.#round += 1;
    let next = heartbeatMs;
    try {
      const reply = await this.#beats.beat({
        workerId: this.processId,
        ttlMs,
        heartbeatMs,
        everything,
        renews,
        round: this.#round,
        queues: members.map(({ queue, prefix, crashLimit, lookedAt, held }) => ({
          name: queue,
          prefix,
          crashLimit,
          lookedAt,
          held: held(),
        })),
      });
      if (renews === 'named') this.#renewAt = startedAt + lockRenewMs;
      this.#healthyMs = reply.healthyMs;
      await Promise.all(
        members.map(async (member, at) => {
          const answer = reply.queues[at];
          if (answer !== undefined) await this.#answered(member, answer, everything, startedAt);
        }),
      );
      if (members.some(({ orphans }) => orphans.size > 0)) {
        next = Math.min(next, Math.max(0, this.#nextLookAt - startedAt));
      }
      if (reply.dueMs !== undefined) next = Math.min(next, Math.max(reply.dueMs + 10, 20));
    } catch (error) {
      this.#healthyMs = 0;
      // What was under way when the link broke may have been carried out: look for it soon.
      this.#nextLookAt = Number.NEGATIVE_INFINITY;
      const [first] = members;
      first?.onError(error instanceof Error ? error : new Error(String(error)));
      next = Math.min(retryMs, heartbeatMs);
      this.#again = false;
    }
    if (this.#again) next = 0;
    this.#schedule(Math.max(0, next - (performance.now() - startedAt)));
  }

  async #answered(member: Member, reply: QueueBeatReply, everything: boolean, askedAt: number): Promise<void> {
    member.registered.resolve();
    member.lookedAt = reply.lookedAt;
    if (everything) await this.#giveBackOrphans(member, reply.own, askedAt);
    member.onReply(reply);
  }

  /**
   * A fetch that Redis carried out and whose reply was lost leaves a job active under a token of ours that nobody here
   * knows. When that is so for a while, it is no reply that is still under way.
   */
  async #giveBackOrphans(member: Member, own: readonly HeldJob[], now: number): Promise<void> {
    const patienceMs = Math.min(fetchPatienceMs, this.#options.times.ttlMs);
    const held = new Set(member.held().map((job) => nameOf(job)));
    const orphans = new Map<string, number>();
    for (const job of own) {
      if (held.has(nameOf(job))) continue;
      const since = member.orphans.get(nameOf(job)) ?? now;
      if (now - since >= patienceMs) {
        await member.giveBack(job);
      } else {
        orphans.set(nameOf(job), since);
        this.#nextLookAt = Math.min(this.#nextLookAt, since + patienceMs);
      }
    }
    member.orphans = orphans;
  }
}

/** The presence of one worker. */
export interface WorkerPresence {
  /** What its lock tokens begin with: `<id of the process>/<n>`. */
  readonly workerId: string;
  /**
   * Resolves when the store knows of this worker, which is before it takes its first job: a job of a worker that nobody
   * knows would be rescued late. Also when the worker ends before that.
   */
  readonly registered: Promise<void>;
  /** From the next beat on, which is now, the store is told that this worker is there. */
  begin(worker: PresentWorker): void;
  /** Whether the beats of all, and the link of this process, have held for as long as a presence lives. */
  isSteady(): boolean;
  /** Beats now instead of at its time. */
  hurry(): void;
  /** Beats now, and looks for jobs that only the store believes to run here. */
  lookAround(): void;
  /** Gives back what it holds; that of the last worker ends the presence. */
  leave(): Promise<void>;
}

const presences = new WeakMap<QueueBackend, Map<string, Presence>>();

/** The presence that all workers of this process share whose queues lie together in one store. */
export function enterPresence(backend: QueueBackend, queue: string, times: PresenceTimes): WorkerPresence {
  const key = `${times.heartbeatMs} ${times.ttlMs} ${backend.sharesBeats ? '' : queue}`;
  const known = presences.get(backend) ?? new Map<string, Presence>();
  presences.set(backend, known);
  let presence = known.get(key);
  if (presence === undefined) {
    presence = new Presence({ openBeats: () => backend.openBeats(queue), times, onEnd: () => known.delete(key) });
    known.set(key, presence);
  }
  return presence.enter();
}

/** One token can hold several jobs, one after the other. */
function nameOf({ id, token }: HeldJob): string {
  return `${token} ${id}`;
}
