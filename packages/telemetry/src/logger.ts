import { destination, pino, stdTimeFunctions } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import { serializers } from './serializers.ts';

export type { Logger } from 'pino';

export interface LoggerOptions {
  /** `api`, `worker`. */
  readonly service: string;
  readonly version?: string;
  /** fatal, error, warn, info, debug, trace or silent. Default info. */
  readonly level?: string;
  /** Absolute path of a file to append to, made with its folder where needed; without it: stdout. */
  readonly file?: string;
  /** Instead of both: where tests look. */
  readonly stream?: DestinationStream;
}

/**
 * A logger of JSON lines with time (ISO 8601), level by name, service and version. Errors, requests and answers are
 * reduced to an allow-list of fields; headers and payloads are withheld under the names that they usually have.
 *
 * @throws when the file cannot be opened.
 */
export function createLogger({ service, version = 'unknown', level = 'info', file, stream }: LoggerOptions): Logger {
  const options = {
    level,
    base: { service, version },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers,
  };
  // Synchronous, so that the last lines before a crash are there.
  return pino(options, stream ?? destination({ dest: file ?? 1, sync: true, mkdir: true }));
}
