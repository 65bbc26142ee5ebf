import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { parseDuration } from '@holdfast/config';
import { forgetFolder, forwardLeftovers, listFolders, readConfig, type NotedFolder } from '@holdfast/runtime';

const usage = `Usage: forward <folder> [--timeout 60s] [--set-aside keep|retry|discard]
       forward --list            the data folders that Redis knows of, and whether their process is gone
       forward --forget <id>     of one of them, which is gone for good: what was in it is lost`;

type Config = ReturnType<typeof readConfig>;

/**
 * Forwards what a dead process has left in its data folder, or tells which folders there are. @returns the exit code: 0 when
 * nothing is left in the folder
 */
export async function forward(args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      timeout: { type: 'string', default: '60s' },
      'set-aside': { type: 'string', default: 'keep' },
      list: { type: 'boolean', default: false },
      forget: { type: 'string' },
    },
  });
  const { list, forget, timeout } = values;
  const asked = positionals.length + (list ? 1 : 0) + (forget === undefined ? 0 : 1);
  const setAside = values['set-aside'];
  if (asked !== 1) throw new Error(usage);
  if (setAside !== 'keep' && setAside !== 'retry' && setAside !== 'discard') throw new Error(usage);
  const read = (): Config => readAndWarn(env, cwd);
  if (list) return showFolders(read());
  if (forget !== undefined) return forgetOne(read(), forget);
  const directory = resolve(cwd, positionals[0] ?? '');
  // A new folder would be made, and nothing found in it, for a name that was mistyped.
  if (!existsSync(join(directory, 'outbox.db'))) throw new Error(`There is no outbox in ${directory}.`);
  return forwardFolder(read(), { directory, timeoutMs: parseDuration(timeout), setAside });
}

function readAndWarn(env: NodeJS.ProcessEnv, cwd: string): Config {
  const config = readConfig(env, cwd, { servesApi: false });
  for (const warning of config.warnings) process.stderr.write(`${warning}\n`);
  return config;
}

async function forwardFolder(config: Config, options: Parameters<typeof forwardLeftovers>[1]): Promise<number> {
  const report = await forwardLeftovers(config, options);
  print(`forwarded ${report.forwarded}, waiting ${report.waiting}, set aside ${report.setAside.length}`);
  if (report.away !== undefined) print(`Redis is away: ${report.away}.`);
  for (const { queue, id, error } of report.setAside) {
    print(`set aside: ${queue}/${id}: ${error?.code ?? ''}: ${error?.message ?? ''}`);
  }
  if (!report.invalidated) print('Redis has not been told yet what the caches had written.');
  for (const file of report.putAside) print(`damaged, and not forwarded: ${file}`);
  return report.waiting + report.setAside.length + report.putAside.length === 0 && report.invalidated ? 0 : 1;
}

async function showFolders(config: Config): Promise<number> {
  for (const folder of await listFolders(config)) print(lineOf(folder));
  return 0;
}

async function forgetOne(config: Config, id: string): Promise<number> {
  const wasThere = await forgetFolder(config, id);
  print(wasThere ? `forgotten: ${id}` : `Redis knows of no folder ${id}.`);
  return wasThere ? 0 : 1;
}

function lineOf({ id, host, path, volume, aliveAt, waiting, isAbandoned }: NotedFolder): string {
  const state = isAbandoned ? 'abandoned' : 'in use';
  const where = volume.kind === 'claim' ? `claim ${volume.claim}` : volume.kind;
  return `${state}: ${id} ${host}:${path} (${where}), ${waiting} waiting at ${new Date(aliveAt).toISOString()}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
