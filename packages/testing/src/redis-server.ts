import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { leash } from './leash.ts';
import { redisCommand, type PlainReply } from './plain-redis.ts';
import { freePort } from './ports.ts';
import { findRedisBinary, serverArguments } from './redis-binary.ts';

export interface StartRedisOptions {
  /** Further arguments of `redis-server`: `['--appendonly', 'yes']`. They win over the defaults (nothing on disk). */
  readonly args?: readonly string[];
  /** Default: a free one. */
  readonly port?: number;
  /** The text of a configuration file, for what must have one: a sentinel. The server may rewrite it. */
  readonly config?: string;
}

/** Starts a Redis that belongs to the caller, for tests that stop, break or count on it. Stop it in `afterAll`. */
export async function startRedis(options: StartRedisOptions = {}): Promise<RedisServer> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-redis-'));
  const file = join(directory, 'server.conf');
  if (options.config !== undefined) writeFileSync(file, options.config);
  const server = new RedisServer(
    options.port ?? (await freePort()),
    options.args ?? [],
    directory,
    options.config === undefined ? undefined : file,
  );
  await server.start();
  return server;
}

/** One `redis-server` process on loopback; its port and its directory stay the same over restarts. */
export class RedisServer {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly url: string;
  readonly directory: string;
  readonly #args: readonly string[];
  readonly #configFile: readonly string[];
  #child: ChildProcess | undefined;
  #pid: number | undefined;
  readonly #releaseDirectory: () => void;
  #output = '';

  constructor(port: number, args: readonly string[], directory: string, configFile?: string) {
    this.port = port;
    this.url = `redis://${this.host}:${port}`;
    this.directory = directory;
    this.#args = args;
    this.#configFile = configFile === undefined ? [] : [configFile];
    this.#releaseDirectory = leash({ directory });
  }

  /** Of the running server itself, which is what signals go to; throws when there is none. */
  get pid(): number {
    if (this.#pid === undefined) throw new Error('This Redis is not running.');
    return this.#pid;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Starts the process and resolves when it answers and has loaded its data. Does nothing when it runs. */
  async start(): Promise<void> {
    if (this.#child !== undefined) return;
    this.#output = '';
    const args = [...this.#configFile, ...serverArguments(this.port, this.directory, this.#args)];
    const child = spawn(findRedisBinary(), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const remember = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString()).slice(-8_000);
    };
    child.stdout.on('data', remember);
    child.stderr.on('data', remember);
    this.#child = child;
    const release = leash({ pid: child.pid });
    let releaseServer = (): void => {};
    child.once('exit', () => {
      release();
      releaseServer();
      this.#child = undefined;
      this.#pid = undefined;
    });
    const pid = await this.#untilItAnswers(child);
    this.#pid = pid;
    // What was started may be no more than a launcher (`docker run`) that would not take its server with it.
    if (pid !== child.pid) releaseServer = leash({ pid });
  }

  /** Ends the process with `signal` and resolves when it is gone. Its directory stays, for `restart`. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const exited = once(child, 'exit');
    const { pid } = this;
    process.kill(pid, signal);
    // A stopped process handles no other signal until it continues; SIGKILL alone needs no help.
    if (signal !== 'SIGKILL') process.kill(pid, 'SIGCONT');
    await exited;
  }

  /** Kills the process (`SIGKILL` unless said otherwise) and starts it again on the same port and directory. */
  async restart(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.kill(signal);
    await this.start();
  }

  /** Freezes it (SIGSTOP): connections stay open and the kernel accepts new ones, but nothing is answered. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  /** Lets it go on after `pause`. */
  resume(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** Ends the process for good and removes its directory. May be called twice. */
  async stop(): Promise<void> {
    await this.kill('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
    this.#releaseDirectory();
  }

  /** Sends one command over a connection of its own, with the password of `--requirepass` where there is one. */
  async command(...argv: string[]): Promise<PlainReply> {
    const flag = this.#args.indexOf('--requirepass');
    const password = flag === -1 ? '' : (this.#args[flag + 1] ?? '');
    const url = password === '' ? this.url : this.url.replace('//', `//:${encodeURIComponent(password)}@`);
    return redisCommand(url, ...argv);
  }

  /** Resolves with the server's process id. */
  async #untilItAnswers(child: ChildProcess): Promise<number> {
    const end = performance.now() + 60_000;
    for (;;) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`redis-server ended at its start:\n${this.#output}`);
      }
      try {
        const info = String(await this.command('INFO'));
        // One that is made to be slow at it is there to be seen while it loads.
        if (!info.includes('loading:1') || this.#args.includes('--key-load-delay')) {
          return Number(/process_id:(\d+)/.exec(info)?.[1]);
        }
      } catch (error) {
        if (performance.now() > end)
          throw new Error(`redis-server does not answer:\n${this.#output}`, { cause: error });
      }
      await sleep(5);
    }
  }
}
