import { getCompileCacheDir } from 'node:module';
import { Worker } from 'node:worker_threads';
import { publishEvent } from '../job/channels.ts';
import type { Beat, BeatReply, Beats } from '../port/beat.ts';
import type { BeatThreadStart, FromBeatThread, ThreadCall, ToBeatThread } from './beat-protocol.ts';
import { asError } from './failure.ts';
import { LoopSign } from './loop-sign.ts';

/** How often the event loop says that it turns. */
const turnMs = 250;
/** A thread that nobody needs any more is kept for whoever comes next. */
const lingerMs = 5000;
const resourceLimits = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 };

// Beside this file, in the sources and in what is built of them.
const isSource = import.meta.url.endsWith('.ts');
const main = new URL(isSource ? './beat-thread-main.ts' : './beat-thread-main.js', import.meta.url);

/** What is opened over the thread, so that a thread that has ended can be replaced. */
interface Opened {
  readonly module: string;
  readonly options: unknown;
  readonly onRescued: (queue: string, count: number) => void;
}

/**
 * The one thread of this process that sends the heartbeats of its workers, and watches its event loop. A handler that
 * keeps the loop stops every timer; on a thread of its own a heartbeat goes on. It keeps no process alive, and one that
 * ends is started again with the next beat.
 */
class BeatThread {
  readonly sign = new LoopSign();
  readonly #links = new Map<number, Opened>();
  readonly #calls = new Map<number, PromiseWithResolvers<BeatReply | undefined>>();
  /** Modules that are told of a stuck loop. */
  readonly #told = new Set<string>();
  #last = 0;
  #users = 0;
  #worker: Worker | undefined;
  #turning: NodeJS.Timeout | undefined;
  #lingering: NodeJS.Timeout | undefined;

  /** Runs until what this returns was called as often. */
  use(): () => void {
    this.#users += 1;
    clearTimeout(this.#lingering);
    this.#start();
    return () => {
      this.#users -= 1;
      if (this.#users > 0) return;
      this.#lingering = setTimeout(() => this.#end(), lingerMs);
      this.#lingering.unref();
    };
  }

  /** @param module has an `OnStuckLoop`, which is told at once of a loop that is stuck */
  tell(module: string): void {
    if (this.#told.has(module)) return;
    this.#told.add(module);
    this.#say({ kind: 'tell', modules: [module] });
  }

  open(opened: Opened): number {
    this.#last += 1;
    const link = this.#last;
    this.#links.set(link, opened);
    this.#say({ kind: 'open', link, module: opened.module, options: opened.options });
    return link;
  }

  async call(call: ThreadCall): Promise<BeatReply | undefined> {
    this.#start();
    return this.#ask((number) => ({ ...call, call: number }));
  }

  async close(link: number): Promise<void> {
    if (!this.#links.delete(link) || this.#worker === undefined) return;
    await this.#ask((call) => ({ kind: 'close', link, call }));
  }

  async #ask(message: (call: number) => ToBeatThread): Promise<BeatReply | undefined> {
    this.#last += 1;
    const answer = Promise.withResolvers<BeatReply | undefined>();
    this.#calls.set(this.#last, answer);
    this.#say(message(this.#last));
    return answer.promise;
  }

  #start(): void {
    if (this.#worker !== undefined) return;
    const compileCache = getCompileCacheDir();
    const workerData: BeatThreadStart = { memory: this.sign.memory, compileCache };
    // Nothing that the process was started with, such as a module to load first, is for this thread.
    const execArgv = isSource ? ['--conditions=@holdfast/source'] : [];
    const worker = new Worker(main, { name: 'holdfast-beat', workerData, resourceLimits, execArgv, env: {} });
    this.#worker = worker;
    worker.on('message', (message: FromBeatThread) => this.#onMessage(message));
    worker.on('error', (error) => {
      this.#report(error);
      this.#ended(worker, error.message);
    });
    worker.once('exit', (code) => this.#ended(worker, `it ended with code ${code}`));
    worker.unref();
    this.#turning = setInterval(() => this.sign.turn(), turnMs);
    this.#turning.unref();
    for (const [link, { module, options }] of this.#links) this.#say({ kind: 'open', link, module, options });
    if (this.#told.size > 0) this.#say({ kind: 'tell', modules: [...this.#told] });
  }

  #end(): void {
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#ended(worker, 'nobody needs it');
    void worker.terminate();
  }

  #ended(worker: Worker, why: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    clearInterval(this.#turning);
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const { reject } of calls) reject(new Error(`The thread of the heartbeats has ended: ${why}.`));
  }

  #onMessage(message: FromBeatThread): void {
    switch (message.kind) {
      case 'stuck':
        publishEvent('holdfast:queue:stuck-loop', () => message.stuck);
        return;
      case 'rescued':
        this.#links.get(message.link)?.onRescued(message.queue, message.count);
        return;
      case 'trouble':
        this.#report(new Error(message.message));
        return;
      case 'answer':
      case 'refused': {
        const call = this.#calls.get(message.call);
        this.#calls.delete(message.call);
        if (message.kind === 'answer') call?.resolve(message.value);
        else call?.reject(Object.assign(new Error(message.message, causeOf(message.reply)), { name: message.name }));
      }
    }
  }

  /** It is of no queue in particular. */
  #report(error: Error): void {
    publishEvent('holdfast:queue:error', () => ({ queue: '', part: 'consumer', error }));
  }

  #say(message: ToBeatThread): void {
    this.#worker?.postMessage(message);
  }
}

/** As the library of the store has it, whose errors do not come out of a thread as they are. */
function causeOf(reply: string | undefined): ErrorOptions {
  return reply === undefined ? {} : { cause: Object.assign(new Error(reply), { name: 'ReplyError' }) };
}

/** The thread of this process. */
export const beatThread = new BeatThread();

export interface BeatObserver {
  /** Jobs of dead processes were given back while the event loop stood, and could not be told of it. */
  readonly onRescued: (queue: string, count: number) => void;
  /** A beat was answered, or, with why, not. */
  readonly onBeat: (failure?: Error) => void;
}

/** Beats that the thread sends to one store. */
export class ThreadBeats implements Beats {
  readonly #release = beatThread.use();
  readonly #link: number;
  readonly #onBeat: (failure?: Error) => void;

  /**
   * @param module exports an `OpenSender` as `openSender`, which gets the options
   * @param options whatever can be sent into a thread
   */
  constructor(module: URL, options: unknown, { onRescued, onBeat }: BeatObserver) {
    this.#onBeat = onBeat;
    this.#link = beatThread.open({ module: module.href, options, onRescued });
  }

  async beat(beat: Beat): Promise<BeatReply> {
    try {
      const reply = await beatThread.call({ kind: 'beat', link: this.#link, beat });
      if (reply === undefined) throw new Error('The beat was not answered.');
      this.#onBeat();
      return reply;
    } catch (error) {
      this.#onBeat(asError(error));
      throw error;
    }
  }

  async leave(workerId: string, holdsJobs: boolean): Promise<void> {
    await beatThread.call({ kind: 'leave', link: this.#link, workerId, holdsJobs });
  }

  async close(): Promise<void> {
    try {
      await beatThread.close(this.#link);
    } finally {
      this.#release();
    }
  }
}
