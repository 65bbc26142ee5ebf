/**
 * Preloaded into each process that `supervisor.mjs` starts: when the channel to the supervisor breaks, which the kernel
 * sees to even after `kill -9`, the process asks itself to stop, and ends itself if that takes too long.
 */
process.once('disconnect', () => {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), 9_500).unref();
  process.kill(process.pid, 'SIGTERM');
});
// Only the listener above needs the channel; it must not keep a process alive that has nothing left to do.
process.channel?.unref();
