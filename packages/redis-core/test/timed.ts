/** Beyond a promised bound, for a machine that does other things as well. */
export const ROOM_MS = 150;

/** Runs `work` and replies how long it took, in milliseconds. */
export async function timed(work: () => unknown): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
