import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canMountDisks, mountSmallDisk } from '@holdfast/testing';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { filesPutAside } from '../src/damaged-file.ts';
import { JournalFile, type JournalFileOptions } from '../src/journal-file.ts';
import type { Invalidation } from '../src/journal.ts';

const openFile = (file: string, options: Partial<JournalFileOptions> = {}): JournalFile =>
  new JournalFile(file, { maxPerArea: 10_000, maxBytes: 64 * 1024 * 1024, ...options });

describe('the file of the journal of invalidations', () => {
  let directory: string;
  let file: string;
  let journal: JournalFile;
  const key = (value: string, mode: Invalidation['mode'] = 'delete', area = 'products'): Invalidation => ({
    area,
    kind: 'key',
    value,
    mode,
  });
  const all = (mode: Invalidation['mode'] = 'delete', area = 'products'): Invalidation => ({
    area,
    kind: 'all',
    value: '',
    mode,
  });
  const contents = (): Invalidation[] => journal.read(100_000).map(({ id: _id, ...invalidation }) => invalidation);

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'holdfast-journal-'));
    file = join(directory, 'made', 'journal.db');
    journal = openFile(file);
  });
  afterEach(() => {
    journal.close();
    rmSync(directory, { recursive: true, force: true });
  });

  test('gives back what was noted, in order, until it is removed', () => {
    journal.append([key('a')]);
    journal.append([key('b', 'expire'), { area: 'users', kind: 'tag', value: 'creator:7', mode: 'expire' }]);
    expect(journal.totals().pending).toBe(3);
    const [first, second] = journal.read(2);
    expect([first, second]).toMatchObject([key('a'), key('b', 'expire')]);
    journal.remove([first?.id ?? 0, second?.id ?? 0]);
    expect(contents()).toEqual([{ area: 'users', kind: 'tag', value: 'creator:7', mode: 'expire' }]);
  });

  test('is still there after it was closed and opened', () => {
    journal.append([key('a')]);
    journal.close();
    journal = openFile(file);
    expect(contents()).toEqual([key('a')]);
  });

  test('holds the newest of each, at its new place, and never weakens a delete to an expire', () => {
    journal.append([key('a'), key('b', 'expire'), key('a', 'expire'), key('b')]);
    expect(contents()).toEqual([key('a'), key('b')]);
  });

  test('what is noted again while it is being applied stays', () => {
    journal.append([key('a')]);
    const taken = journal.read(10);
    journal.append([key('a')]);
    journal.remove(taken.map(({ id }) => id));
    expect(contents()).toEqual([key('a')]);
  });

  test('so does what a whole area covers, when that is being applied', () => {
    journal.append([all()]);
    const taken = journal.read(10);
    journal.append([key('a')]);
    journal.remove(taken.map(({ id }) => id));
    expect(contents()).toEqual([all()]);
  });

  test('a whole area takes the place of what it covers', () => {
    journal.append([key('a'), key('b', 'expire'), key('u', 'delete', 'users')]);
    journal.append([all('expire')]);
    expect(contents()).toEqual([key('a'), key('u', 'delete', 'users'), all('expire')]);
    journal.append([all()]);
    expect(contents()).toEqual([key('u', 'delete', 'users'), all()]);
  });

  test('too many of one area become one for all of it; others are left alone', () => {
    journal.close();
    journal = openFile(file, { maxPerArea: 100 });
    journal.append([key('u', 'expire', 'users')]);
    for (let index = 0; index < 100; index += 1) journal.append([key(String(index), 'expire')]);
    expect(journal.totals().pending).toBe(101);
    journal.append([key('one more', 'expire')]);
    expect(contents()).toEqual([key('u', 'expire', 'users'), all('expire')]);
  });

  test('whatever is noted, everything that was asked for is covered, and by something as strong', () => {
    const invalidation = fc.record({
      area: fc.constantFrom('a', 'b'),
      kind: fc.constantFrom('key', 'tag', 'prefix', 'all' as const),
      value: fc.constantFrom('1', '2', '3', '4'),
      mode: fc.constantFrom('delete', 'expire' as const),
    }) as fc.Arbitrary<Invalidation>;
    journal.close();
    let round = 0;
    fc.assert(
      fc.property(fc.array(invalidation, { maxLength: 40 }), fc.integer({ min: 1, max: 8 }), (list, maxPerArea) => {
        const one = openFile(join(directory, `${(round += 1)}.db`), { maxPerArea });
        try {
          const asked = list.map((item) => (item.kind === 'all' ? { ...item, value: '' } : item));
          for (const item of asked) one.append([item]);
          const held = one.read(1000);
          const covers = (by: Invalidation, item: Invalidation): boolean =>
            by.area === item.area &&
            (by.kind === 'all' || (by.kind === item.kind && by.value === item.value)) &&
            (by.mode === 'delete' || item.mode === 'expire');
          expect(asked.filter((item) => !held.some((by) => covers(by, item)))).toEqual([]);
          expect(held.filter(({ area }) => area === 'a').length).toBeLessThanOrEqual(maxPerArea);
        } finally {
          one.close();
        }
      }),
      { numRuns: 50 },
    );
  });

  test('in a file that may not grow, one entry for the area takes the place of its many', () => {
    journal.close();
    journal = openFile(join(directory, 'small.db'), { maxBytes: 64 * 1024 });
    for (let round = 0; round < 40; round += 1) {
      journal.append(Array.from({ length: 50 }, (_, index) => key(`a rather long key, to fill ${round}/${index}`)));
    }
    const held = contents();
    expect(held.length).toBeLessThan(2000);
    expect(held).toContainEqual(all());
  });

  // Where file systems may be mounted: a disk that is really full.
  test.skipIf(!canMountDisks())('a full disk is an error that says so, and loses nothing', () => {
    const disk = mountSmallDisk('256k');
    try {
      const one = openFile(join(disk.path, 'journal.db'));
      try {
        one.append([key('before')]);
        const room = 256 * 1024 - statSync(join(disk.path, 'journal.db-wal')).size - 4096 * 4;
        writeFileSync(join(disk.path, 'filler'), Buffer.alloc(room));
        expect(() => {
          for (let index = 0; index < 1000; index += 1) one.append([key(`key ${index}`)]);
        }).toThrow(/full|disk I\/O/);
        expect(one.read(1)).toMatchObject([key('before')]);
        rmSync(join(disk.path, 'filler'));
        one.append([key('after')]);
        expect(one.read(1000).map(({ value }) => value)).toContain('after');
      } finally {
        one.close();
      }
    } finally {
      disk.unmount();
    }
  });

  test('is begun anew where its file is something else, which is put aside as it is', () => {
    const strange = join(directory, 'strange.db');
    writeFileSync(strange, 'Dear diary, '.repeat(1000));
    const one = openFile(strange);
    one.append([key('a')]);
    one.close();
    const [aside = ''] = filesPutAside(directory);
    expect(readFileSync(join(directory, aside), 'utf8')).toBe('Dear diary, '.repeat(1000));
  });
});
