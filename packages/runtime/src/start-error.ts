import { HoldfastError } from '@holdfast/redis-core';
import type { Logger } from '@holdfast/telemetry';

/** Why a process could not start, as its exit code says it to whoever started it; those below 80 are those of sysexits.h. */
export const exitCodes = {
  /** Anything that has no code of its own. */
  failed: 1,
  /** A Redis is needed (`REDIS_ENABLE_FALLBACK=false`) and cannot be used. */
  redisUnavailable: 69,
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

/** Logs why the start failed, in one line for a reason that is known and with its stack for any other, and ends the process. */
export function endFailedStart(logger: Logger, error: unknown): never {
  if (error instanceof StartError) logger.fatal(error.message);
  else if (error instanceof HoldfastError) logger.fatal({ code: error.code }, error.message);
  else logger.fatal({ err: error }, error instanceof Error ? error.message : 'the process could not start');
  process.exit(error instanceof StartError ? error.exitCode : exitCodes.failed);
}
