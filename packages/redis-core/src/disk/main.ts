import { join } from 'node:path';
import { putAside } from '../damaged-file.ts';
import { isDamage, sqliteCode } from '../durable-file.ts';
import type { DiskErrorReply, DiskReply, DiskRequest } from './messages.ts';
import { readyId } from './messages.ts';
import type { ServedFile, ServedFileModule } from './served-file.ts';

/**
 * The process of the disk: it does for the service what may take as long as a disk likes. It lives no longer than the
 * service does, and is ended by nothing else: a signal to the whole group is for the service, which has work for it until
 * its own end.
 */
const files = new Map<string, ServedFile>();
const paths = new Map<string, string>();
const modules = new Map<string, ServedFileModule<ServedFile, unknown>>();

async function serve(request: DiskRequest): Promise<unknown> {
  if (request.kind === 'load') return load(request.module);
  if (request.kind === 'close') return closeAll();
  if (request.kind === 'open') return open(request.file, request.module, request.args);
  const file = files.get(request.file);
  if (file === undefined) throw new Error(`The file ${request.file} is not open.`);
  if (request.kind === 'prove') return file.prove();
  const call = file.calls[request.name] as ((...args: readonly unknown[]) => unknown) | undefined;
  if (call === undefined) throw new Error(`The file ${request.file} has no ${request.name}.`);
  return call(...request.args);
}

async function load(module: string): Promise<void> {
  modules.set(module, (await import(module)) as ServedFileModule<ServedFile, unknown>);
}

function open(name: string, module: string, [directory, options]: readonly unknown[]): void {
  const loaded = modules.get(module);
  if (loaded === undefined) throw new Error(`The module ${module} is not loaded.`);
  paths.set(name, join(String(directory), name));
  if (!files.has(name)) files.set(name, loaded.open(String(directory), options));
}

function closeAll(): void {
  for (const [name, file] of files) {
    file.close();
    files.delete(name);
  }
}

/** A file that is found damaged while it is open is begun anew by whoever opens it next. */
function giveUp(name: string): void {
  const path = paths.get(name);
  if (path === undefined) return;
  try {
    // Before it is closed, as where it is opened.
    putAside(path);
    files.get(name)?.close();
  } catch {
    // Where nothing can be renamed it stays as it is; SQLite may fail to close what it cannot read.
  }
  files.delete(name);
}

async function answer(request: DiskRequest): Promise<void> {
  let outcome: { readonly value: unknown } | { readonly error: DiskErrorReply };
  try {
    outcome = { value: await serve(request) };
  } catch (error) {
    const { message } = error instanceof Error ? error : new Error(String(error));
    const errcode = sqliteCode(error);
    outcome = { error: { message, ...(errcode !== 0 && { errcode }) } };
    if ('file' in request && isDamage(error)) giveUp(request.file);
  }
  const totals = 'file' in request ? files.get(request.file)?.totals() : undefined;
  send({ id: request.id, ...outcome, ...(totals !== undefined && { totals }) });
}

/** Where the service is gone, there is nobody to tell. */
function send(reply: DiskReply): void {
  if (process.connected) process.send?.(reply, undefined, undefined, () => undefined);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('disconnect', () => process.exit());
process.on('message', (request: DiskRequest) => void answer(request));
process.title = 'holdfast disk';
send({ id: readyId, value: undefined });
