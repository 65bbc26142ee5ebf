import { readdirSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** Every workspace folder that has tests is a project; glob projects would not inherit the resolve conditions. */
const projects = ['packages', 'apps', 'examples', 'infra']
  .flatMap((area) => readdirSync(area).map((name) => `${area}/${name}`))
  .filter((root) => !root.includes('.'));

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
      test: { name: root, root, include: ['test/**/*.test.ts'] },
    })),
  },
});
