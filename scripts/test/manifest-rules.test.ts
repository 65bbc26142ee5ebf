import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const { findBrokenManifests } = (await import(new URL('../lib/manifest-rules.mjs', import.meta.url).href)) as {
  findBrokenManifests: (root: string) => string[];
};

const root = fileURLToPath(new URL('../../', import.meta.url));

let workspace: string;
beforeEach(() => {
  workspace = mkdtempSync(join(tmpdir(), 'holdfast-manifests-'));
  write('package.json', { repository: { type: 'git', url: 'git+https://example.com/o/r.git' } });
});
afterEach(() => rmSync(workspace, { recursive: true, force: true }));

function write(file: string, manifest: object): void {
  mkdirSync(dirname(join(workspace, file)), { recursive: true });
  writeFileSync(join(workspace, file), JSON.stringify(manifest));
}

/** All that a package has to say, published or not. */
const complete = {
  name: '@holdfast/new',
  private: true,
  description: 'New.',
  keywords: ['new'],
  homepage: 'https://example.com/o/r/tree/main/packages/new#readme',
  bugs: 'https://example.com/o/r/issues',
  license: 'MIT',
  repository: { type: 'git', url: 'git+https://example.com/o/r.git', directory: 'packages/new' },
  type: 'module',
  engines: { node: '>=22' },
};
const published = {
  ...complete,
  private: undefined,
  files: ['dist', '!dist/**/*.tsbuildinfo', 'README.md'],
  sideEffects: false,
  exports: { '.': { '@holdfast/source': './src/index.ts', types: './dist/index.d.ts', default: './dist/index.js' } },
  publishConfig: {
    access: 'public',
    exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
  },
};

describe('the rules of package.json', () => {
  it('are kept by every package of this repository', () => {
    expect(findBrokenManifests(root)).toEqual([]);
  });

  it.each(Object.keys(complete).filter((field) => field !== 'name' && field !== 'private'))(
    'tell a new package that forgets %s',
    (field) => {
      write('packages/new/package.json', complete);
      expect(findBrokenManifests(workspace)).toEqual([]);
      write('packages/new/package.json', { ...complete, [field]: undefined });
      expect(findBrokenManifests(workspace)).toEqual([expect.stringContaining(field)]);
    },
  );

  it.each(['files', 'sideEffects', 'publishConfig'])('tell one that is published without %s', (field) => {
    write('packages/new/package.json', published);
    expect(findBrokenManifests(workspace)).toEqual([]);
    write('packages/new/package.json', { ...published, [field]: undefined });
    expect(findBrokenManifests(workspace)).toEqual([expect.stringContaining(field)]);
  });

  it('refuse to publish what needs something that stays at home', () => {
    write('packages/new/package.json', { ...published, dependencies: { '@holdfast/inner': 'workspace:^' } });
    const directory = 'packages/inner';
    write(`${directory}/package.json`, {
      ...complete,
      name: '@holdfast/inner',
      homepage: `https://example.com/o/r/tree/main/${directory}#readme`,
      repository: { ...complete.repository, directory },
    });
    expect(findBrokenManifests(workspace)).toEqual([
      'packages/new/package.json: needs @holdfast/inner, which is private: publish both or neither',
    ]);
  });

  it('want peers to be optional', () => {
    const peerDependencies = { heavy: '^1.0.0' };
    write('packages/new/package.json', { ...published, peerDependencies });
    expect(findBrokenManifests(workspace)).toEqual([expect.stringContaining('the peer heavy is optional')]);
    write('packages/new/package.json', {
      ...published,
      peerDependencies,
      peerDependenciesMeta: { heavy: { optional: true } },
    });
    expect(findBrokenManifests(workspace)).toEqual([]);
  });

  it('keep an app private', () => {
    write('apps/new/package.json', { ...complete, private: undefined });
    expect(findBrokenManifests(workspace)).toContain('apps/new/package.json: is not published: "private": true');
  });

  it('hold for the benchmarks, which are a workspace in no folder of others', () => {
    write('benchmarks/package.json', { ...complete, engines: undefined });
    expect(findBrokenManifests(workspace)).toEqual(['benchmarks/package.json: "engines" names the oldest Node']);
  });
});
