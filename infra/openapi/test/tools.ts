import { execFile } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** This package. */
export const folder: string = fileURLToPath(new URL('../', import.meta.url));

/** What the generators make, ignored by git: the snippets in `clients/` import it from here. */
export const made: string = join(folder, 'dist');

export interface ToolResult {
  readonly code: number;
  readonly stdout: string;
  readonly output: string;
}

/** They would report their use to their makers, and ask for newer versions of themselves. */
const silent = { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true', NO_COLOR: '1' };

/** Runs one of the programs that this package depends on, on this Node; a failure is in `code`. */
export function runTool(name: string, args: readonly string[], bin: string = folder): Promise<ToolResult> {
  const path = `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`;
  const options = { cwd: folder, env: { ...silent, PATH: path, HOME: made }, maxBuffer: 64 * 2 ** 20 };
  return new Promise((resolve) => {
    execFile(join(bin, 'node_modules/.bin', name), args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, stdout, output: `${stdout}${stderr}${code === 0 ? '' : (error?.message ?? '')}` });
    });
  });
}
