import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { IDeployment } from 'kubernetes-models/apps/v1';
import type { IHorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1';
import type { IConfigMap, IPersistentVolumeClaim, ISecret, IService, IServiceAccount } from 'kubernetes-models/v1';
import { parseAllDocuments } from 'yaml';

/** The kinds whose content the tests look into. */
interface Kinds {
  ConfigMap: IConfigMap;
  Deployment: IDeployment;
  HorizontalPodAutoscaler: IHorizontalPodAutoscaler;
  PersistentVolumeClaim: IPersistentVolumeClaim;
  PodDisruptionBudget: IPodDisruptionBudget;
  Secret: ISecret;
  Service: IService;
  ServiceAccount: IServiceAccount;
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

/** The objects in one file below `infra/k8s`, as they are written. */
export function read(path: string): Manifest[] {
  return parse(readFileSync(`${folder}${path}`, 'utf8'));
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
