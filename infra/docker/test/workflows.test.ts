import { existsSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readCompose, root } from './compose.ts';

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
  it('runs the script that everybody runs, on the oldest Node that the repository says it takes', () => {
    const { steps = [] } = ci.jobs['check'] ?? {};
    expect(statSync(`${root}${steps.at(-1)?.run}`).mode & 0o111).not.toBe(0);
    const { engines } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { engines: { node: string } };
    const node = steps.find((step) => step.uses?.startsWith('actions/setup-node@'))?.with?.['node-version'];
    expect(engines.node).toBe(`>=${node as string}`);
  });

  it('builds the image of each app that docker-compose.yml builds, and publishes none', () => {
    const built = Object.values(readCompose().services).flatMap(({ build }) => build ?? []);
    expect(ci.jobs['images']?.strategy?.matrix['app']).toEqual(built.map(({ target }) => target));
    expect(build(ci.jobs['images'])).toMatchObject({ file: built[0]?.dockerfile, push: false });
  });
});

describe('release.yml', () => {
  it('publishes images only once something was published, from a job that there is', () => {
    const job = release.jobs['images'];
    expect(Object.keys(release.jobs)).toContain(job?.needs);
    expect(job?.if).toContain(`needs.${job?.needs}.outputs.published`);
    expect(build(job)).toMatchObject({ push: true });
  });

  it('lets everybody check where an image came from', () => {
    const job = release.jobs['images'];
    expect(build(job)).toMatchObject({ provenance: 'mode=max', sbom: true });
    expect(job?.steps.some((step) => step.uses?.startsWith('actions/attest-build-provenance@'))).toBe(true);
    expect(job?.permissions).toMatchObject({ attestations: 'write', 'id-token': 'write' });
  });
});

function read(name: string): Workflow {
  return parse(readFileSync(`${root}.github/workflows/${name}.yml`, 'utf8')) as Workflow;
}

function build(job: Job | undefined): Step['with'] {
  return job?.steps.find((step) => step.uses?.startsWith('docker/build-push-action@'))?.with;
}
