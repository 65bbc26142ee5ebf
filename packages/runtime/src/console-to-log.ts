import { format } from 'node:util';
import type { Logger } from '@holdfast/telemetry';
import { RepeatedErrors } from './repeated-errors.ts';

/**
 * What libraries write to the console of their own accord goes into the log, once a minute with its number: a Redis client warns
 * of a password that nobody asked for once a connection, and a line that is no JSON breaks whoever reads the log.
 *
 * @param now milliseconds; for tests
 * @returns what ends that
 */
export function consoleToLog(logger: Logger, now: () => number = Date.now): () => void {
  const { warn, error } = console;
  const repeated = new RepeatedErrors(now);
  const log =
    (level: 'warn' | 'error') =>
    (...args: unknown[]): void => {
      const reason = format(...args);
      const count = repeated.note(reason);
      if (count > 0) logger[level]({ reason, count }, 'a library says');
    };
  console.warn = log('warn');
  console.error = log('error');
  return () => {
    console.warn = warn;
    console.error = error;
  };
}
