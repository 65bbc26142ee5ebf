import { readdirSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** Every workspace folder that has tests is a project; glob projects would not inherit the resolve conditions. */
const projects = ['packages', 'apps', 'examples', 'infra']
  .flatMap((area) => readdirSync(area).map((name) => `${area}/${name}`))
  .filter((root) => !root.includes('.'));

/**
 * Their files run one at a time, before all others: they hold Redis and its outages to bounds in milliseconds, and each starts
 * processes enough of its own. The files of the others mostly wait, so two run at once.
 */
const alone = new Set(['packages/redis-core', 'packages/cache']);
const lanes = (root: string): { readonly maxWorkers: number; readonly sequence: { readonly groupOrder: number } } =>
  alone.has(root) ? { maxWorkers: 1, sequence: { groupOrder: 0 } } : { maxWorkers: 2, sequence: { groupOrder: 1 } };

const conditions = ['@holdfast/source'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    testTimeout: 20_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    projects: projects.map((root) => ({
      extends: true,
      test: { name: root, root, include: ['test/**/*.test.ts'], ...lanes(root) },
    })),
  },
});
