import { defineConfig } from 'vitest/config';
import { compileCache } from './packages/testing/src/compile-cache.ts';
import { LongestFirst } from './scripts/lib/test-order.mjs';
import { workspaceFolders } from './scripts/lib/workspaces.mjs';

/** Every folder that may have tests is a project; glob projects would not inherit the resolve conditions. */
const projects = [...workspaceFolders(import.meta.dirname), 'scripts'];

/** Those whose tests put something in the place of a module, which the files after them would get as well. */
const isolated = new Set(['packages/modules']);

const conditions = ['@holdfast/source'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // They end what hangs. No test waits for time to pass, so a busy machine needs none of this, and may have it.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 20_000,
    expect: { poll: { timeout: 60_000 } },
    // Threads and processes that a test starts run the same files: none compiles again what another has compiled.
    env: { NODE_COMPILE_CACHE: compileCache },
    // Most files wait (for a server to start, an outage to be noticed) longer than they compute.
    maxWorkers: 6,
    sequence: { sequencer: LongestFirst },
    projects: projects.map((root) => ({
      extends: true,
      test: {
        name: root,
        root,
        include: ['test/**/*.test.ts'],
        // A worker that runs file after file loads a package once: a fifth of all processor time. So a fixture has no hooks and no
        // state at its top level.
        isolate: isolated.has(root),
      },
    })),
  },
});
