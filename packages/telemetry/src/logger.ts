import { isatty } from 'node:tty';
import { destination, pino, stdTimeFunctions } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import { ReadableLines } from './readable-lines.ts';
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
 * A logger of JSON lines with time (ISO 8601), level by name, service and version; on a terminal of the same as lines for a
 * person. Errors, requests and answers are
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
  if (stream !== undefined) return pino(options, stream);
  // Synchronous, so that the last lines before a crash are there.
  const written = destination({ dest: file ?? 1, sync: true, mkdir: true });
  return pino(options, file === undefined && isatty(1) ? new ReadableLines(written) : written);
}
