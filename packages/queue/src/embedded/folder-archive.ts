import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { deflateSync, inflateSync } from 'node:zlib';

/**
 * A folder in one file, in SQLite's own archive format (https://sqlite.org/sqlar.html; `sqlite3 -A --list --file …`
 * reads it): it keeps empty folders, which packages of npm do not, and is read file by file, in little memory.
 */
const schema = 'CREATE TABLE sqlar (name TEXT PRIMARY KEY, mode INT, mtime INT, sz INT, data BLOB)';

/** Packs what is in `folder` into a new file. */
export function packFolder(folder: string, file: string): void {
  const archive = new DatabaseSync(file);
  try {
    // A file that was not finished is worth nothing: it need not reach the disk step by step.
    archive.exec(`PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN; ${schema}`);
    const insert = archive.prepare('INSERT INTO sqlar VALUES (?, ?, ?, ?, ?)');
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const path = join(folder, name);
      const stats = statSync(path);
      const data = stats.isDirectory() ? null : packed(readFileSync(path));
      insert.run(name, stats.mode, Math.floor(stats.mtimeMs / 1000), data === null ? 0 : stats.size, data);
    }
    archive.exec('COMMIT');
  } finally {
    archive.close();
  }
}

/** Makes `folder`, for this user alone, with what `file` holds. */
export function unpackFolder(file: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o700);
  const archive = new DatabaseSync(file, { readOnly: true });
  try {
    // A folder comes before what is in it.
    for (const row of archive.prepare('SELECT name, sz, data FROM sqlar ORDER BY name').iterate()) {
      const { name, sz, data } = row as { name: string; sz: number; data: Uint8Array | null };
      const path = join(folder, name);
      if (data === null) mkdirSync(path);
      else writeFileSync(path, data.length === sz ? data : inflateSync(data));
    }
  } finally {
    archive.close();
  }
}

/** The format tells by the length whether a file is compressed. */
function packed(content: Buffer): Buffer {
  const deflated = deflateSync(content);
  return deflated.length < content.length ? deflated : content;
}
