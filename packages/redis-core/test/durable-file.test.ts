import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDurableFile, type DurableFileOptions } from '../src/durable-file.ts';

describe('a durable file of an earlier version', () => {
  let directory: string;
  const open = (options: Pick<DurableFileOptions, 'version' | 'schema' | 'upgrades'>) =>
    openDurableFile({ file: join(directory, 'file.db'), maxBytes: 1024 * 1024, ...options });

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'holdfast-durable-'));
    const file = open({ version: 1, schema: 'CREATE TABLE note (a TEXT) STRICT;' });
    file.exec("INSERT INTO note VALUES ('kept')");
    file.close();
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const third = {
    version: 3,
    schema: 'CREATE TABLE note (a TEXT, b TEXT, c TEXT) STRICT;',
    upgrades: { 1: 'ALTER TABLE note ADD COLUMN b TEXT;', 2: 'ALTER TABLE note ADD COLUMN c TEXT;' },
  };

  test('is brought up to this one step by step, once, with what is in it', () => {
    for (let round = 0; round < 2; round += 1) {
      const file = open(third);
      expect({ ...file.prepare('SELECT * FROM note').get() }).toEqual({ a: 'kept', b: null, c: null });
      file.close();
    }
  });

  test('stays as it is when a step fails', () => {
    expect(() =>
      open({ ...third, upgrades: { ...third.upgrades, 2: 'ALTER TABLE nothing ADD COLUMN c TEXT;' } }),
    ).toThrow(/nothing/);
    const file = open({ version: 1, schema: '' });
    expect({ ...file.prepare('SELECT * FROM note').get() }).toEqual({ a: 'kept' });
    file.close();
  });

  test.each([
    ['nothing leads from it', { version: 3, schema: third.schema, upgrades: { 2: third.upgrades[2] } }],
    ['it is a later one', { version: 0, schema: third.schema }],
  ])('is refused when %s', (_why, options) => {
    expect(() => open(options)).toThrow(/another version/);
  });
});
