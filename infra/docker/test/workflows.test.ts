import { existsSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { root } from './compose.ts';

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly 'timeout-minutes'?: number;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly needs?: string;
  readonly if?: string;
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly string[]>> };
  readonly steps: readonly Step[];
}

interface Workflow {
  readonly on: Readonly<Record<string, { branches?: readonly string[] } | null>>;
  readonly concurrency: { readonly group: string };
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const ci = read('ci');
const release = read('release');

describe.each([
  { name: 'ci.yml', workflow: ci },
  { name: 'release.yml', workflow: release },
])('$name', ({ workflow }) => {
  const jobs = Object.entries(workflow.jobs);
  const steps = jobs.flatMap(([, job]) => job.steps);

  it('pins every action to a major version or a commit', () => {
    for (const { uses } of steps) {
      if (uses !== undefined) expect(uses).toMatch(/^[\w.-]+\/[\w.-]+@(v\d+|[0-9a-f]{40})$/);
    }
  });

  it('may by default read at most', () => {
    expect(workflow.permissions).toBeDefined();
    expect(Object.values(workflow.permissions).every((permission) => permission === 'read')).toBe(true);
  });

  it('has a concurrency group, and a time limit for every job', () => {
    expect(workflow.concurrency.group).not.toBe('');
    for (const [, job] of jobs) expect(job['timeout-minutes']).toBeGreaterThan(0);
  });

  it('never runs the code of a stranger with our rights, nor puts what a stranger wrote into a script', () => {
    expect(Object.keys(workflow.on)).not.toContain('pull_request_target');
    for (const { run = '' } of steps) expect(run).not.toMatch(/\$\{\{\s*github\.(event|head_ref)/);
  });

  it('runs only scripts that exist', () => {
    for (const { run = '' } of steps) {
      for (const [path] of run.matchAll(/infra\/\S+\.sh/g)) expect(existsSync(`${root}${path}`)).toBe(true);
    }
  });
});

describe('ci.yml', () => {
  it('runs on every pull request and on main', () => {
    expect(ci.on).toEqual({ push: { branches: ['main'] }, pull_request: null });
  });

  it('runs the script that everybody runs, on the oldest supported Node and a real Redis', () => {
    const { steps = [] } = ci.jobs['check'] ?? {};
    expect(steps.at(-1)?.run).toBe('.ci/run');
    expect(statSync(`${root}.ci/run`).mode & 0o111).not.toBe(0);
    expect(steps.find((step) => step.uses?.startsWith('actions/setup-node@'))?.with).toMatchObject({
      'node-version': 20,
    });
    expect(steps.some((step) => step.run?.includes('redis-server'))).toBe(true);
  });

  it('builds both images and looks into them', () => {
    expect(ci.jobs['images']?.strategy?.matrix).toEqual({ app: ['api', 'worker'] });
    expect(build(ci.jobs['images'])).toMatchObject({
      file: 'infra/docker/Dockerfile',
      target: '${{ matrix.app }}',
      push: false,
    });
  });
});

describe('release.yml', () => {
  it('runs on main only', () => {
    expect(release.on).toEqual({ push: { branches: ['main'] } });
  });

  it('versions and publishes through changesets', () => {
    const { steps = [] } = release.jobs['version-or-publish'] ?? {};
    expect(steps.find((step) => step.uses?.startsWith('changesets/action@'))?.with).toMatchObject({
      version: 'pnpm exec changeset version',
      publish: 'pnpm exec changeset publish',
    });
  });

  it('pushes images with provenance, only once something was published', () => {
    const job = release.jobs['images'];
    expect(job).toMatchObject({
      needs: 'version-or-publish',
      if: "needs.version-or-publish.outputs.published == 'true'",
      permissions: { contents: 'read', packages: 'write', 'id-token': 'write', attestations: 'write' },
    });
    expect(build(job)).toMatchObject({ push: true, provenance: 'mode=max', sbom: true });
    expect(job?.steps.some((step) => step.uses?.startsWith('actions/attest-build-provenance@'))).toBe(true);
  });
});

function read(name: string): Workflow {
  return parse(readFileSync(`${root}.github/workflows/${name}.yml`, 'utf8')) as Workflow;
}

function build(job: Job | undefined): Step['with'] {
  return job?.steps.find((step) => step.uses?.startsWith('docker/build-push-action@'))?.with;
}
