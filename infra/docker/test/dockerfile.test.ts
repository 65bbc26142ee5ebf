import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { root } from './compose.ts';

const dockerfile = readFileSync(`${root}infra/docker/Dockerfile`, 'utf8');
/** Comments removed, continued lines joined, one instruction a line. */
const instructions = dockerfile
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, ' ')
  .split('\n')
  .filter((line) => line !== '');

describe('the Dockerfile', () => {
  it('builds on the slim image of Node 24 in every stage that brings a file system', () => {
    expect(instructions[0]).toBe('ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim');
    const sources = instructions.filter((line) => line.startsWith('FROM'));
    expect(sources).toEqual([
      'FROM ${NODE_IMAGE} AS build',
      'FROM ${NODE_IMAGE} AS runtime',
      'FROM runtime AS worker',
      'FROM runtime AS api',
    ]);
  });

  it('installs what the lockfile says, compiles without tests, and ships production dependencies', () => {
    expect(instructions).toContainEqual(expect.stringMatching(/^RUN pnpm install --frozen-lockfile\b/));
    expect(instructions).toContain('RUN pnpm exec tsc --build tsconfig.build.json');
    // Without it a first start in a small container is refused.
    expect(instructions).toContain('RUN node --liftoff-only packages/queue/dist/embedded/make-template.js');
    expect(instructions).toContainEqual(expect.stringContaining('--filter @holdfast/api deploy --prod /out/api'));
    expect(instructions).toContainEqual(expect.stringContaining('--filter @holdfast/worker deploy --prod /out/worker'));
  });

  it('copies nothing from the sources into an image but the health check', () => {
    const shipped = instructions.slice(instructions.indexOf('FROM ${NODE_IMAGE} AS runtime'));
    expect(shipped.filter((line) => /^(COPY|ADD)/.test(line))).toEqual([
      'COPY infra/docker/healthcheck.mjs /usr/local/lib/holdfast/healthcheck.mjs',
      'COPY --from=build /out/worker ./',
      'COPY --from=build /out/api ./',
    ]);
  });

  it('runs as the user node, in production mode', () => {
    expect(instructions).toContain('USER node');
    expect(instructions).toContainEqual(expect.stringMatching(/^ENV NODE_ENV=production\b/));
  });

  it.each([
    { app: 'api', port: 'ENV PORT=3000', entry: 'dist/server.js' },
    { app: 'worker', port: 'ENV WORKER_PORT=3001', entry: 'dist/main.js' },
  ])('probes and starts the $app', ({ app, port, entry }) => {
    const start = instructions.indexOf(`FROM runtime AS ${app}`) + 1;
    const end = instructions.findIndex((line, index) => index >= start && line.startsWith('FROM'));
    const stage = instructions.slice(start, end === -1 ? undefined : end);
    expect(stage).toContain(port);
    expect(stage).toContain(`CMD ["node", "--enable-source-maps", "${entry}"]`);
    expect(stage).toContainEqual(
      expect.stringMatching(
        /^HEALTHCHECK --interval=30s --timeout=10s --start-period=40s --retries=3\s+CMD node \S+healthcheck\.mjs /,
      ),
    );
  });

  it('does not let secrets, tests or foreign builds into its context', () => {
    const ignored = readFileSync(`${root}.dockerignore`, 'utf8').split('\n');
    for (const entry of [
      'secrets',
      '.env',
      '.env.*',
      '.git',
      '**/node_modules',
      '**/dist',
      '**/test',
      'holdfast.yaml',
    ]) {
      expect(ignored).toContain(entry);
    }
  });
});
