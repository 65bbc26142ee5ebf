import { writeSync } from 'node:fs';

/**
 * A line on the standard output, which is out of the process when this returns: what `console.log` has not got rid of yet is lost with
 * a process that a test kills. Where the reader is slow and the pipe is full, it waits.
 */
export function say(line: string): void {
  let rest = Buffer.from(`${line}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
