import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { compileCache } from './compile-cache.ts';
import { leash } from './leash.ts';

export interface SpawnNodeOptions {
  readonly args?: readonly string[];
  /** Besides PATH, HOME and TMPDIR, which are inherited; nothing else is, so that no setting of the caller leaks in. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Arguments of node itself. Default `['--conditions=@holdfast/source']`: sources run without a build. */
  readonly execArgs?: readonly string[];
  readonly cwd?: string;
  /** A command that runs node, instead of node by itself: the `prefix` of an `IsolatedNetwork`. */
  readonly prefix?: readonly string[];
}

export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface SpawnedNode {
  readonly pid: number;
  /** Lines of stdout and stderr so far, in the order of their arrival. */
  readonly lines: readonly string[];
  /** Resolves at the end of the process, after its last line. Never rejects. */
  readonly exited: Promise<ExitStatus>;
  /** The match in the first line, past or to come, that fits. Rejects after `timeoutMs` (default 60 000) or at exit. */
  waitForLine(pattern: RegExp, options?: { readonly timeoutMs?: number }): Promise<RegExpExecArray>;
  /** Sends `signal` (default SIGKILL) and resolves at the end of the process. */
  kill(signal?: NodeJS.Signals): Promise<ExitStatus>;
  /** Sends `signal` and waits for nothing. */
  signal(signal: NodeJS.Signals): void;
}

/** Runs a file with this Node in a process of its own, which ends at the latest with this process. */
export function spawnNode(file: string | URL, options: SpawnNodeOptions = {}): SpawnedNode {
  const path = typeof file === 'string' ? file : fileURLToPath(file);
  const execArgs = options.execArgs ?? ['--conditions=@holdfast/source'];
  const { PATH, HOME, TMPDIR } = process.env;
  const [command = '', ...args] = [
    ...(options.prefix ?? []),
    process.execPath,
    ...execArgs,
    path,
    ...(options.args ?? []),
  ];
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: Object.fromEntries(
      Object.entries({ PATH, HOME, TMPDIR, NODE_COMPILE_CACHE: compileCache, ...options.env }).filter(
        ([, value]) => value !== undefined,
      ),
    ),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const release = leash({ pid: child.pid });
  const lines: string[] = [];
  const listeners = new Set<() => void>();
  const notify = (): void => {
    for (const listener of listeners) listener();
  };
  const collect = (stream: Readable): void => {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      notify();
    });
  };
  collect(child.stdout);
  collect(child.stderr);

  let status: ExitStatus | undefined;
  const exit = Promise.withResolvers<ExitStatus>();
  child.once('error', (error) => lines.push(String(error)));
  child.once('close', (code, signal) => {
    release();
    status = { code, signal };
    exit.resolve(status);
    notify();
  });

  return {
    pid: child.pid ?? -1,
    lines,
    exited: exit.promise,
    signal: (signal) => void child.kill(signal),
    async kill(signal = 'SIGKILL') {
      if (status === undefined) child.kill(signal);
      return exit.promise;
    },
    async waitForLine(pattern, { timeoutMs = 60_000 } = {}) {
      const found = Promise.withResolvers<RegExpExecArray>();
      const fail = (why: string): void =>
        found.reject(new Error(`No line like ${pattern}: ${why}. Last lines:\n${lines.slice(-40).join('\n')}`));
      let checked = 0;
      const check = (): void => {
        for (; checked < lines.length; checked += 1) {
          const match = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).exec(lines[checked] ?? '');
          if (match !== null) return found.resolve(match);
        }
        if (status !== undefined) fail(`the process ended (${status.signal ?? status.code})`);
      };
      const timer = setTimeout(() => fail(`${timeoutMs} ms passed`), timeoutMs);
      listeners.add(check);
      check();
      try {
        return await found.promise;
      } finally {
        clearTimeout(timer);
        listeners.delete(check);
      }
    },
  };
}
