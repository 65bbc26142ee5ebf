import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/**
 * Runs a few Node processes as one: they stop together, and none is left behind.
 *
 * Who signals whom. Ctrl-C in a terminal signals the whole foreground group, and npm forwards what it gets on top, so a
 * child in that group would see one Ctrl-C two or three times. Therefore the children are in sessions of their own, where
 * no terminal reaches them, and this process alone tells them, once. What arrives within half a second counts as one
 * signal; another one after that kills at once.
 *
 * Who outlives whom. A child whose supervisor is gone stops by itself (`end-with-parent.mjs`). The supervisor stops when
 * npm is gone: `kill -9` of npm tells nobody, but it changes the parent of this process. Without npm the parent does not
 * matter, so that `nohup node scripts/start.mjs &` outlives its shell.
 */
export class Supervisor {
  #children = [];
  #shutdownMs;
  #stopping;
  #firstSignalAt = Number.NaN;
  #finished;
  #finish;

  /** @param {{ shutdownMs?: number, watchParent?: boolean }} options after `shutdownMs` (9 500) of stopping comes SIGKILL */
  constructor(options = {}) {
    this.#shutdownMs = options.shutdownMs ?? 9_500;
    this.#finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => this.#onSignal());
    process.once('exit', () => this.#signalAll('SIGKILL'));
    if (options.watchParent ?? process.env.npm_lifecycle_event !== undefined) this.#watchParent();
  }

  get isStopping() {
    return this.#stopping !== undefined;
  }

  /** Resolves with the exit code for this process when the last child has ended. */
  get finished() {
    return this.#finished;
  }

  /**
   * Starts `node file`. Children are stopped in the reverse order of their `rank`, so that what others need stays longest.
   * With `readsOutput` its stdout is a pipe for the caller, else it is this process's own.
   */
  start({ name, node, file, args = [], env, rank = 0, readsOutput = false }) {
    const preload = new URL('end-with-parent.mjs', import.meta.url).href;
    const child = spawn(node, ['--import', preload, file, ...args], {
      env,
      cwd: fileURLToPath(new URL('../../', import.meta.url)),
      detached: true,
      stdio: ['ignore', readsOutput ? 'pipe' : 'inherit', 'inherit', 'ipc'],
    });
    const entry = { name, child, rank, ended: once(child, 'exit') };
    entry.ended.catch(() => {});
    this.#children.push(entry);
    child.once('error', (error) => this.#onEnd(entry, `cannot be started: ${error.message}`, 1));
    child.once('exit', (code, signal) => this.#onEnd(entry, `ended (${signal ?? `exit ${code}`})`, code || 1));
    return child;
  }

  /** Stops all children, the highest rank first; `code` becomes the exit code. Further calls change nothing. */
  stop(code) {
    this.#stopping ??= this.#stopAll(code);
    return this.#stopping;
  }

  async #stopAll(code) {
    const timer = setTimeout(() => {
      console.error(
        `Still running after ${this.#shutdownMs} ms, killed: ${this.#running()
          .map((entry) => entry.name)
          .join(', ')}`,
      );
      this.#signalAll('SIGKILL');
    }, this.#shutdownMs);
    const ranks = [...new Set(this.#children.map((entry) => entry.rank))].sort((a, b) => b - a);
    for (const rank of ranks) {
      const entries = this.#running().filter((entry) => entry.rank === rank);
      for (const { child } of entries) child.kill('SIGTERM');
      await Promise.allSettled(entries.map((entry) => entry.ended));
    }
    clearTimeout(timer);
    this.#finish(code);
  }

  #onEnd(entry, what, code) {
    if (this.isStopping) return;
    console.error(`${entry.name} ${what}; stopping.`);
    void this.stop(code);
  }

  #onSignal() {
    const now = performance.now();
    if (!this.isStopping) {
      this.#firstSignalAt = now;
      console.error('\nStopping …');
      void this.stop(0);
    } else if (!(now - this.#firstSignalAt < 500)) {
      this.#signalAll('SIGKILL');
    }
  }

  #watchParent() {
    const parent = process.ppid;
    const timer = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(timer);
      void this.stop(0);
    }, 250);
    timer.unref();
  }

  #running() {
    return this.#children.filter(
      ({ child }) => child.pid !== undefined && child.exitCode === null && child.signalCode === null,
    );
  }

  #signalAll(signal) {
    for (const { child } of this.#running()) child.kill(signal);
  }
}
