import { fstatSync } from 'node:fs';

/**
 * Calls back once when the process that started this one is gone, so that no orphan is left: when a piped standard input
 * ends, or when the kernel gives this process another parent. (Input from a terminal or /dev/null says nothing.)
 */
export function onParentGone(callback: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid !== parent) once();
  }, 500);
  timer.unref();
  let called = false;
  const once = (): void => {
    clearInterval(timer);
    if (!called) callback();
    called = true;
  };
  if (isPipe()) {
    process.stdin.once('end', once).once('error', once).resume();
  }
}

function isPipe(): boolean {
  try {
    const input = fstatSync(0);
    return input.isFIFO() || input.isSocket();
  } catch {
    return false;
  }
}
