import { loadConfig, type BaseConfig } from '@holdfast/config';
import { containerOf, find, type Container, type Manifest, type PodSpec } from './manifests.ts';

type Variable = NonNullable<Container['env']>[number];

/** Secrets of the cluster: the values by the keys, by the names. */
export type Secrets = Readonly<Record<string, Readonly<Record<string, string>>>>;

/**
 * What the process in a pod reads there: its variables, and `holdfast.yaml` from the ConfigMap that is mounted.
 * @throws what Holdfast would end with, and for a key without a value that is not optional
 */
export function podConfig(manifests: readonly Manifest[], spec: PodSpec, secrets: Secrets): BaseConfig {
  const { env = [], envFrom = [], volumeMounts = [] } = containerOf(spec);
  const values: Record<string, string> = {};
  for (const { configMapRef } of envFrom) Object.assign(values, configMap(manifests, configMapRef?.name));
  for (const variable of env) {
    const value = valueOf(variable, manifests, secrets);
    // Kubernetes expands what was defined before, and nothing else.
    if (value !== undefined) {
      values[variable.name] = value.replaceAll(/\$\((\w+)\)/g, (text, name: string) => values[name] ?? text);
    }
  }
  return loadConfig({
    env: values,
    cwd: '/app',
    parts: [],
    servesApi: values['HOLDFAST_API_KEYS'] !== undefined,
    readFile: (path) => {
      const mount = volumeMounts.find(({ mountPath }) => path.startsWith(`${mountPath}/`));
      const volume = spec.volumes?.find(({ name }) => name === mount?.name);
      const text = configMap(manifests, volume?.configMap?.name)[path.slice((mount?.mountPath.length ?? 0) + 1)];
      if (text === undefined) throw Object.assign(new Error(`there is no ${path}`), { code: 'ENOENT' });
      return text;
    },
  });
}

function valueOf(
  { name, value, valueFrom }: Variable,
  manifests: readonly Manifest[],
  secrets: Secrets,
): string | undefined {
  if (value !== undefined) return value;
  if (valueFrom?.fieldRef?.fieldPath === 'metadata.name') return 'name-of-the-pod';
  const { configMapKeyRef, secretKeyRef } = valueFrom ?? {};
  const found =
    configMapKeyRef === undefined
      ? secrets[secretKeyRef?.name ?? '']?.[secretKeyRef?.key ?? '']
      : configMap(manifests, configMapKeyRef.name)[configMapKeyRef.key];
  if (found === undefined && secretKeyRef?.optional !== true) throw new Error(`${name} has no value`);
  return found;
}

function configMap(manifests: readonly Manifest[], name = ''): Readonly<Record<string, string>> {
  return find(manifests, 'ConfigMap', name).data ?? {};
}
