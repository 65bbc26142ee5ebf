/** Runs in the thread of the heartbeats; nothing runs on the event loop any more. See `stuck-loop.ts`. */
import process from 'node:process';
import type { OnStuckLoop } from '@holdfast/queue';
import type { StuckLoopReaction } from './stuck-loop.ts';

const reaction = JSON.parse(new URL(import.meta.url).searchParams.get('reaction') ?? '') as StuckLoopReaction;

async function react(stuck: Parameters<OnStuckLoop>[0]): Promise<void> {
  try {
    // Only now: most processes never need it.
    const { createLogger } = await import('@holdfast/telemetry');
    const logger = createLogger(reaction.log);
    if (reaction.ends) {
      logger.fatal(
        stuck,
        'a job has kept the event loop for longer than it may: this process is killed, its jobs run elsewhere',
      );
    } else {
      logger.error(stuck, 'a job keeps the event loop for longer than it may: nothing else is done until it ends');
    }
  } finally {
    // Whatever became of the line.
    if (reaction.ends) process.kill(process.pid, 'SIGKILL');
  }
}

export default ((stuck) => void react(stuck)) satisfies OnStuckLoop;
