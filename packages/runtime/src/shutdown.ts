import type { Logger } from '@holdfast/telemetry';

export interface ShutdownOptions {
  readonly logger: Logger;
  /** Comes before the steps: `begin` says to whoever gives this process work that it ends, and `ms` is how long they have to hear it. */
  readonly delay?: { readonly ms: number; readonly begin: () => void };
  /** What to end, in this order; one that fails does not keep the next from ending. */
  readonly steps: readonly { readonly name: string; readonly close: () => Promise<unknown> }[];
  /** How long the steps may take. After it the process ends, whatever is still open. */
  readonly timeoutMs: number;
}

/**
 * Ends the process on SIGTERM and SIGINT: 0 when everything closed in time, 1 when not. A second signal ends it at
 * once. An error that nobody caught leaves a state that nobody knows, so it is logged and the process ends with 1.
 */
export function shutDownOnSignal({ logger, delay, steps, timeoutMs }: ShutdownOptions): void {
  let closing = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (closing) {
      logger.warn({ signal }, 'second signal: ending at once');
      process.exit(1);
    }
    closing = true;
    logger.info({ signal, ...(delay !== undefined && { delayMs: delay.ms }), timeoutMs }, 'shutting down');
    delay?.begin();
    // Without a delay the first step begins in this turn: whoever asks next is answered by a process that closes.
    if (delay === undefined || delay.ms === 0) close();
    else setTimeout(close, delay.ms);
  };
  const close = (): void => {
    const timer = setTimeout(() => {
      logger.error({ timeoutMs }, 'shutdown took too long');
      process.exit(1);
    }, timeoutMs);
    void closeAll(logger, steps).then((clean) => {
      clearTimeout(timer);
      logger.info('bye');
      return process.exit(clean ? 0 : 1);
    });
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

/** Logs what nobody caught and ends the process: what it left behind cannot be trusted. */
export function exitOnUncaught(logger: Logger): void {
  const onError = (kind: string) => (error: unknown) => {
    logger.fatal({ err: error }, kind);
    process.exit(1);
  };
  process.on('uncaughtException', onError('uncaught exception'));
  process.on('unhandledRejection', onError('unhandled rejection'));
}

async function closeAll(logger: Logger, steps: ShutdownOptions['steps']): Promise<boolean> {
  let clean = true;
  for (const { name, close } of steps) {
    try {
      await close();
    } catch (error) {
      clean = false;
      logger.error({ err: error, step: name }, 'could not be closed');
    }
  }
  return clean;
}
