import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const groups = ['apps', 'packages', 'infra', 'examples'];
const folders = groups.flatMap((group) =>
  readdirSync(join(root, group)).map((name) => join(root, group, name, 'test')),
);
const fixtures = [...folders, join(root, 'scripts/test')].flatMap((folder) => filesUnder(folder));

function filesUnder(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.includes('node_modules'))
      .map((file) => join(folder, file));
  } catch {
    // Not every folder has tests.
    return [];
  }
}

/** A worker loads them once for all files that it runs: such a hook would belong to the first of these alone. */
describe('what files of tests share', () => {
  it('has no hooks at its top level', () => {
    expect(fixtures.length).toBeGreaterThan(50);
    const hooked = fixtures.filter((file) => /^(?:before|after)(?:All|Each)\(/m.test(readFileSync(file, 'utf8')));
    expect(hooked).toEqual([]);
  });
});
