import { totalmem } from 'node:os';

/** What this process may take, in bytes: the limit of its container (cgroup v1 or v2), or what the machine has. */
export function memoryLimit(): number {
  // 0 where the limit is unknown, and far more than there is where there is none.
  const limit = process.constrainedMemory();
  const machine = totalmem();
  return limit > 0 && limit < machine ? limit : machine;
}
