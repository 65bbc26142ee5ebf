import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Logger } from '@holdfast/telemetry';
import { explainListenError, type PortOptions } from '../open-port.ts';
import { Heartbeat } from './heartbeat.ts';
import { readyForMs } from './judge-probes.ts';
import {
  problemReport,
  type FromThread,
  type Probes,
  type Report,
  type ThreadStart,
  type ToThread,
} from './protocol.ts';

export interface HealthThreadOptions {
  readonly logger: Logger;
  /** Read with each beat, so it asks nobody. Where it fails the process is alive and not ready. */
  readonly probes: () => Probes;
  /** What is answered besides, by its path: made when somebody asks for it, and at most once a second. */
  readonly reports: Readonly<Record<string, () => Promise<Report>>>;
  /** For how long the event loop may be silent while nothing runs that `mayBlock` tells of. Milliseconds. */
  readonly patienceMs: number;
}

const beatMs = 500;
/** Before a thread that ended by itself is started again. */
const [firstPauseMs, longestPauseMs] = [500, 30_000];

/** It holds a server and the last metrics; what it never needs more than ends the thread and not the process. */
const resourceLimits = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 };

// Beside this file, in the sources and in what is built of them.
const main = new URL(import.meta.url.endsWith('.ts') ? './thread-main.ts' : './thread-main.js', import.meta.url);

/**
 * A port for probes and Prometheus that a thread of its own answers: `/health/live`, `/health/ready`, and the reports. On the
 * event loop that does the work, a probe waits behind the work, and a process that is merely busy would be restarted.
 * It keeps no process alive, and where the thread ends it is started again.
 */
export class HealthThread {
  readonly #options: HealthThreadOptions;
  readonly #heartbeat = new Heartbeat();
  /** How many runs there are of each time-out. */
  readonly #runs = new Map<number, number>();
  readonly #closing = new AbortController();
  #probes = '';
  #unreadable = false;
  #thread: Worker | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HealthThreadOptions) {
    this.#options = options;
    this.#setPatience();
  }

  /**
   * Listens, and resolves with the address under which this machine reaches it.
   * @throws StartError that says in one sentence why it cannot, and what to do
   */
  async open(options: PortOptions): Promise<string> {
    const { url, port } = await this.#start(options).catch((error: unknown) => {
      throw explainListenError(error, options) ?? error;
    });
    this.#keep({ ...options, port });
    this.#timer = setInterval(() => this.publish(), beatMs);
    this.#timer.unref();
    return url;
  }

  /** Says that the event loop turns and how the process is now: otherwise twice a second. */
  publish(): void {
    this.#heartbeat.beat();
    const probes = this.#read();
    const text = JSON.stringify(probes);
    if (text === this.#probes) return;
    this.#probes = text;
    this.#say({ kind: 'probes', probes });
  }

  /**
   * Notes that something begins to run that may keep the event loop for `timeoutMs`: for so long its silence is no death.
   * @returns what to call when it has ended
   */
  readonly mayBlock = (timeoutMs: number): (() => void) => {
    this.#runs.set(timeoutMs, (this.#runs.get(timeoutMs) ?? 0) + 1);
    this.#setPatience();
    return () => {
      const others = (this.#runs.get(timeoutMs) ?? 0) - 1;
      if (others > 0) this.#runs.set(timeoutMs, others);
      else this.#runs.delete(timeoutMs);
      this.#setPatience();
    };
  };

  async close(): Promise<void> {
    this.#closing.abort();
    clearInterval(this.#timer);
    await this.#thread?.terminate();
  }

  #setPatience(): void {
    const longest = Math.max(readyForMs, ...this.#runs.keys());
    this.#heartbeat.patienceMs = this.#runs.size === 0 ? this.#options.patienceMs : longest;
  }

  #read(): Probes {
    try {
      const probes = this.#options.probes();
      this.#unreadable = false;
      return probes;
    } catch (error) {
      if (!this.#unreadable) this.#options.logger.error({ err: error }, 'the process cannot say how it is');
      this.#unreadable = true;
      return { live: { status: 200, body: { status: 'ok' } }, ready: { status: 503, body: { status: 'down' } } };
    }
  }

  async #start({ host, port }: Pick<PortOptions, 'host' | 'port'>): Promise<{ url: string; port: number }> {
    this.#heartbeat.beat();
    const probes = this.#read();
    this.#probes = JSON.stringify(probes);
    const paths = Object.keys(this.#options.reports);
    const workerData: ThreadStart = { memory: this.#heartbeat.memory, host, port, probes, paths };
    // Nothing that the process was started with, such as a module to load first, is for this thread.
    const thread = new Worker(main, { name: 'holdfast-health', workerData, resourceLimits, execArgv: [], env: {} });
    this.#thread = thread;
    const opened = Promise.withResolvers<{ url: string; port: number }>();
    thread.on('message', (message: FromThread) => {
      if (message.kind === 'listening') opened.resolve({ url: message.url, port: message.address.port });
      else if (message.kind === 'failed') {
        opened.reject(Object.assign(new Error(message.message), { code: message.code }));
      } else void this.#report(message.path);
    });
    thread.on('error', (error) => opened.reject(error));
    thread.once('exit', (code) => opened.reject(new Error(`The thread ended with code ${code}.`)));
    try {
      const address = await opened.promise;
      // Only now: whoever listens to it holds the process again.
      thread.unref();
      return address;
    } catch (error) {
      await thread.terminate();
      throw error;
    }
  }

  /** Starts it again on the same port whenever it ends. */
  #keep(options: PortOptions): void {
    const { signal } = this.#closing;
    const thread = this.#thread;
    const restart = async (): Promise<void> => {
      for (let pauseMs = firstPauseMs; !signal.aborted; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
        this.#options.logger.error({ port: options.port, pauseMs }, 'the thread that answers probes has ended');
        await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
        if (signal.aborted) return;
        const isUp = await this.#start(options).then(
          () => true,
          () => false,
        );
        if (isUp) return this.#keep(options);
      }
    };
    thread?.once('exit', () => void restart());
  }

  async #report(path: string): Promise<void> {
    const make = this.#options.reports[path];
    if (make === undefined) return;
    try {
      this.#say({ kind: 'report', path, report: await make() });
    } catch (error) {
      this.#options.logger.error({ err: error, path }, 'a report could not be made');
      this.#say({ kind: 'report', path, report: problemReport({ status: 500, title: 'Internal Server Error' }) });
    }
  }

  #say(message: ToThread): void {
    this.#thread?.postMessage(message);
  }
}
