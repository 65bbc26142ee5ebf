import { OwnQueuesError } from '@holdfast/modules';
import { HoldfastError } from '@holdfast/redis-core';
import type { Logger } from '@holdfast/telemetry';

/** Why a process could not start, as its exit code says it to whoever started it; those below 80 are those of sysexits.h. */
export const exitCodes = {
  /** Anything that has no code of its own. */
  failed: 1,
  /** A Redis is needed (`REDIS_ENABLE_FALLBACK=false`) and cannot be used. */
  redisUnavailable: 69,
  /** Another process uses the folder of the embedded queue: it may be tried again once that one has ended. */
  folderInUse: 75,
  /** The port may not be opened by this user. */
  notPermitted: 77,
  /** The configuration cannot be right on this machine. */
  misconfigured: 78,
  /** The port is taken. The number of EADDRINUSE on Linux. */
  portTaken: 98,
} as const;

/** A start that failed for a reason that one sentence tells whole. */
export class StartError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartError';
    this.exitCode = exitCode;
  }
}

/** What the errors of the libraries mean for whoever starts the process, by their code. */
const exitCodeOf: Readonly<Record<string, number>> = {
  EMBEDDED_FOLDER_LOCKED: exitCodes.folderInUse,
  EMBEDDED_FOLDER_UNUSABLE: exitCodes.misconfigured,
};

/** Logs why the start failed, in one line for a reason that is known and with its stack for any other, and ends the process. */
export function endFailedStart(logger: Logger, error: unknown): never {
  if (error instanceof StartError) {
    logger.fatal(error.message);
    process.exit(error.exitCode);
  }
  if (error instanceof OwnQueuesError) {
    logger.fatal({ problems: error.problems }, error.summary);
    process.exit(exitCodes.misconfigured);
  }
  if (error instanceof HoldfastError) {
    logger.fatal({ code: error.code }, error.message);
    process.exit(exitCodeOf[error.code] ?? exitCodes.failed);
  }
  logger.fatal({ err: error }, error instanceof Error ? error.message : 'the process could not start');
  process.exit(exitCodes.failed);
}
