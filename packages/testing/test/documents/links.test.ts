import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { brokenLinks, missingFiles, page, pages, root } from './pages.ts';

describe('every page', () => {
  it.each(pages().map((each) => [each.path, each] as const))('%s: its links lead somewhere', (_path, each) => {
    expect(brokenLinks(each)).toEqual([]);
  });
});

describe('the pages that show the way through the code', () => {
  const guides = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`);

  it.each(['README.md', 'ARCHITECTURE.md', ...guides])('%s: the files that it names exist', (path) => {
    expect(missingFiles(page(path))).toEqual([]);
  });
});

describe('ARCHITECTURE.md', () => {
  it('has tables whose rows are one line each', () => {
    const rows = page('ARCHITECTURE.md').text.match(/^\|.*$/gm) ?? [];
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.filter((row) => row.length > 150)).toEqual([]);
  });
});

describe('docs/decisions/README.md', () => {
  it('lists every decision', () => {
    const { text } = page('docs/decisions/README.md');
    const decisions = readdirSync(join(root, 'docs/decisions')).filter((name) => /^\d{4}-/.test(name));

    expect(decisions.filter((name) => !text.includes(`(${name})`))).toEqual([]);
  });
});
