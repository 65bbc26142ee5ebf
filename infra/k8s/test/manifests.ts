import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { IDeployment, IStatefulSet } from 'kubernetes-models/apps/v1';
import type { IHorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import type { ICronJob } from 'kubernetes-models/batch/v1';
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1';
import type { IConfigMap, ISecret, IService, IServiceAccount } from 'kubernetes-models/v1';
import { parseAllDocuments } from 'yaml';

/** The kinds whose content the tests look into. */
interface Kinds {
  ConfigMap: IConfigMap;
  CronJob: ICronJob;
  Deployment: IDeployment;
  HorizontalPodAutoscaler: IHorizontalPodAutoscaler;
  PodDisruptionBudget: IPodDisruptionBudget;
  Secret: ISecret;
  Service: IService;
  ServiceAccount: IServiceAccount;
  StatefulSet: IStatefulSet;
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

const folder = fileURLToPath(new URL('..', import.meta.url));

/** Whether overlays can be rendered here. */
export const hasKubectl = spawnSync('kubectl', ['version', '--client'], { timeout: 30_000 }).status === 0;

/** What `kubectl apply -k` would send for a folder below `infra/k8s`. */
export function render(path: string): Manifest[] {
  return parse(execFileSync('kubectl', ['kustomize', `${folder}${path}`], { encoding: 'utf8', timeout: 60_000 }));
}

/** What an overlay that somebody else wrote beside ours stands for: its kustomization.yaml, and files by their names. */
export function renderOverlay(kustomization: string, files: Readonly<Record<string, string>> = {}): Manifest[] {
  const path = mkdtempSync(join(folder, 'overlays/.of-a-test-'));
  try {
    writeFileSync(join(path, 'kustomization.yaml'), kustomization);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
    return render(`overlays/${basename(path)}`);
  } finally {
    rmSync(path, { recursive: true });
  }
}

/** The objects in one file below `infra/k8s`, as they are written. */
export function read(path: string): Manifest[] {
  return parse(readFileSync(`${folder}${path}`, 'utf8'));
}

export type Workload = IDeployment | IStatefulSet;
export type PodSpec = NonNullable<NonNullable<Workload['spec']>['template']['spec']>;
export type Container = PodSpec['containers'][number];

/** What makes the pods of that name. */
export function workload(manifests: readonly Manifest[], name: string): Workload {
  const isStateful = manifests.some(({ kind, metadata }) => kind === 'StatefulSet' && metadata.name === name);
  return find(manifests, isStateful ? 'StatefulSet' : 'Deployment', name);
}

export function pod(manifests: readonly Manifest[], name: string): PodSpec {
  const { spec } = workload(manifests, name).spec?.template ?? {};
  if (spec === undefined) throw new Error(`${name} has no pod`);
  return spec;
}

/** The only container of a pod. */
export function containerOf(spec: PodSpec): Container {
  const [only, ...more] = spec.containers;
  if (only === undefined || more.length > 0) throw new Error(`there are ${more.length + 1} containers`);
  return only;
}

export function container(manifests: readonly Manifest[], name: string): Container {
  return containerOf(pod(manifests, name));
}

/** The object of that kind and name; fails where there is none, or more than one. */
export function find<Kind extends keyof Kinds>(manifests: readonly Manifest[], kind: Kind, name: string): Kinds[Kind] {
  const found = manifests.filter((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (found.length !== 1) throw new Error(`expected one ${kind}/${name}, found ${found.length}`);
  return found[0] as unknown as Kinds[Kind];
}

function parse(text: string): Manifest[] {
  return parseAllDocuments(text, { uniqueKeys: true }).map((document) => {
    if (document.errors.length > 0) throw new AggregateError(document.errors, 'not valid YAML');
    return unwrapped(document.toJS() as Manifest & { data?: Record<string, string> });
  });
}

/** kustomize breaks long base64 into lines, which the API server ignores and the schema does not. */
function unwrapped(manifest: Manifest & { data?: Record<string, string> }): Manifest {
  if (manifest.kind !== 'Secret' || manifest.data === undefined) return manifest;
  const lines = Object.entries(manifest.data).map(([key, value]) => [key, value.replaceAll('\n', '')]);
  return { ...manifest, data: Object.fromEntries(lines) } as Manifest;
}
