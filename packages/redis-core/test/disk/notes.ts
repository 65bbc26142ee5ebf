import { join } from 'node:path';
import { openDurableFile, transact } from '@holdfast/redis-core/durable-file';
import type { ServedFile } from '@holdfast/redis-core/disk';

/** A served file for the tests: lines of text. */
export interface Notes extends ServedFile {
  readonly calls: {
    readonly add: (line: string) => number;
    readonly all: () => string[];
    readonly fail: (errcode: number) => void;
    readonly end: () => void;
  };
  readonly totals: () => { readonly lines: number };
}

export function open(directory: string, { maxBytes = 1024 * 1024 }: { readonly maxBytes?: number } = {}): Notes {
  const database = openDurableFile({
    file: join(directory, 'notes.db'),
    maxBytes,
    version: 1,
    schema: 'CREATE TABLE note (line TEXT NOT NULL) STRICT;',
  });
  const all = (): string[] =>
    database
      .prepare('SELECT line FROM note')
      .all()
      .map(({ line }) => String(line));
  return {
    calls: {
      add: (line) => {
        transact(database, () => database.prepare('INSERT INTO note VALUES (?)').run(line));
        return all().length;
      },
      all,
      fail: (errcode) => {
        throw Object.assign(new Error('as the test wants it'), { errcode });
      },
      end: () => process.exit(7),
    },
    totals: () => ({ lines: all().length }),
    prove: () => transact(database, () => database.exec('PRAGMA user_version = 1')),
    close: () => database.close(),
  };
}
