import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { parseDuration } from '@holdfast/config';
import { forwardLeftovers, readConfig } from '@holdfast/runtime';

const usage = 'Usage: forward <folder> [--timeout 60s] [--set-aside keep|retry|discard]';

/** Forwards what a dead process has left in its data folder. @returns the exit code: 0 when nothing is left in the folder */
export async function forward(args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { timeout: { type: 'string', default: '60s' }, 'set-aside': { type: 'string', default: 'keep' } },
  });
  const [folder, ...others] = positionals;
  const setAside = values['set-aside'];
  if (folder === undefined || others.length > 0) throw new Error(usage);
  if (setAside !== 'keep' && setAside !== 'retry' && setAside !== 'discard') throw new Error(usage);
  const directory = resolve(cwd, folder);
  // A new folder would be made, and nothing found in it, for a name that was mistyped.
  if (!existsSync(join(directory, 'outbox.db'))) throw new Error(`There is no outbox in ${directory}.`);
  const config = readConfig(env, cwd, { servesApi: false });
  for (const warning of config.warnings) process.stderr.write(`${warning}\n`);
  const timeoutMs = parseDuration(values.timeout);
  const report = await forwardLeftovers(config, { directory, timeoutMs, setAside });
  process.stdout.write(
    `forwarded ${report.forwarded}, waiting ${report.waiting}, set aside ${report.setAside.length}\n`,
  );
  if (report.away !== undefined) process.stdout.write(`Redis is away: ${report.away}.\n`);
  for (const { queue, id, error } of report.setAside) {
    process.stdout.write(`set aside: ${queue}/${id}: ${error?.code ?? ''}: ${error?.message ?? ''}\n`);
  }
  if (!report.invalidated) process.stdout.write('Redis has not been told yet what the caches had written.\n');
  return report.waiting + report.setAside.length === 0 && report.invalidated ? 0 : 1;
}
