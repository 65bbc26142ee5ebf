import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';

export interface Leashed {
  /** Killed with SIGKILL. */
  readonly pid?: number | undefined;
  /** Removed with all that is in it. */
  readonly directory?: string | undefined;
}

/** What is still to be ended, newest last; one listener does it, since a cluster alone would be a dozen of them. */
const atExit = new Set<() => void>();
process.once('exit', () => {
  for (const end of atExit) end();
});

/**
 * Ties a process or a directory to this process: it goes when this process ends, however that happens. An exit handler
 * is not enough, since a test runner may kill its workers; so a shell waits for the end of a pipe that only this process
 * holds, and the kernel closes that pipe even after `kill -9`.
 *
 * @returns lets go without touching anything; to be called as soon as the process has ended by itself
 */
export function leash(leashed: Leashed): () => void {
  const { pid, directory } = leashed;
  // Signals that a terminal sends to the whole group must not reach the shell before it has done its work.
  const script = `trap '' INT TERM HUP; read -r _ || { [ -z "$1" ] || kill -9 "$1"; [ -z "$2" ] || rm -rf -- "$2"; }`;
  const shell = spawn('/bin/sh', ['-c', script, 'leash', String(pid ?? ''), directory ?? ''], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  shell.on('error', () => {});
  shell.stdin.on('error', () => {});
  shell.unref();
  // An open pipe keeps the loop alive unless it is unreferenced too.
  if ('unref' in shell.stdin && typeof shell.stdin.unref === 'function') shell.stdin.unref();
  const onExit = (): void => {
    if (pid !== undefined) killIfAlive(pid);
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  };
  atExit.add(onExit);
  return () => {
    atExit.delete(onExit);
    shell.stdin.end('done\n');
  };
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
