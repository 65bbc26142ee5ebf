import type { LoggerOptions } from '@holdfast/telemetry';

export interface StuckLoopReaction {
  /** How the line is written. */
  readonly log: Pick<LoggerOptions, 'service' | 'version' | 'level' | 'file'>;
  /** Whether the process is killed, which gives its jobs to others. */
  readonly ends: boolean;
}

/**
 * What is called in the thread of the heartbeats when the event loop has stood for longer than its jobs may take: a module
 * that logs it, and where there are others to run its jobs ends the process.
 */
export function onStuckLoop(reaction: StuckLoopReaction): URL {
  const main = new URL(
    import.meta.url.endsWith('.ts') ? './stuck-loop-main.ts' : './stuck-loop-main.js',
    import.meta.url,
  );
  main.searchParams.set('reaction', JSON.stringify(reaction));
  return main;
}
