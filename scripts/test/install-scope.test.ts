import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const { scopeToInstall, stampOf, toolWorkspaces } = (await import(join(root, 'scripts/lib/install-scope.mjs'))) as {
  scopeToInstall: (stamp: string | undefined, print: string, onlyToRun: boolean) => string;
  stampOf: (print: string, scope: string) => string;
  toolWorkspaces: readonly string[];
};

describe('what is installed', () => {
  const [service, everything] = ['service', 'everything'].map((scope) => stampOf('now', scope));
  const old = stampOf('before', 'service');
  const oldWithTools = stampOf('before', 'everything');

  it.each([
    ['for a first npm start', undefined, true, 'service'],
    ['for a second one', service, true, 'nothing'],
    ['for one after the dependencies changed', old, true, 'service'],
    ['for a first npm test', undefined, false, 'everything'],
    ['for an npm test after npm start', service, false, 'everything'],
    ['for an npm test after another', everything, false, 'nothing'],
    ['for an npm start after npm test', everything, true, 'nothing'],
    ['for an npm start with changed dependencies where the tools are', oldWithTools, true, 'everything'],
    ['over the stamp of an earlier version', 'now', false, 'everything'],
  ])('%s', (_when, stamp, onlyToRun, scope) => {
    expect(scopeToInstall(stamp, 'now', onlyToRun)).toBe(scope);
  });

  it('leaves out nothing that the service is built of, or starts', () => {
    const manifest = (folder: string): Record<string, unknown> =>
      JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Record<string, unknown>;
    const left = toolWorkspaces.flatMap((pattern) => globSync(`${pattern}/package.json`, { cwd: root }));
    const leftNames = left.map((file) => manifest(join(file, '..'))['name']);
    expect(leftNames).toContain('@holdfast/infra-openapi');
    const { references } = JSON.parse(readFileSync(join(root, 'tsconfig.build.json'), 'utf8')) as {
      references: readonly { readonly path: string }[];
    };
    for (const { path } of references) {
      const { name, dependencies = {}, devDependencies = {} } = manifest(path);
      for (const one of [name, ...Object.keys(dependencies as object), ...Object.keys(devDependencies as object)]) {
        expect(leftNames, `of ${path}`).not.toContain(one);
      }
    }
  });
});
