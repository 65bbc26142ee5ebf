import { validate as validateDeployment } from 'kubernetes-models/_schemas/IoK8sApiAppsV1Deployment';
import { validate as validateStatefulSet } from 'kubernetes-models/_schemas/IoK8sApiAppsV1StatefulSet';
import { validate as validateAutoscaler } from 'kubernetes-models/_schemas/IoK8sApiAutoscalingV2HorizontalPodAutoscaler';
import { validate as validateCronJob } from 'kubernetes-models/_schemas/IoK8sApiBatchV1CronJob';
import { validate as validateConfigMap } from 'kubernetes-models/_schemas/IoK8sApiCoreV1ConfigMap';
import { validate as validateSecret } from 'kubernetes-models/_schemas/IoK8sApiCoreV1Secret';
import { validate as validateService } from 'kubernetes-models/_schemas/IoK8sApiCoreV1Service';
import { validate as validateServiceAccount } from 'kubernetes-models/_schemas/IoK8sApiCoreV1ServiceAccount';
import { validate as validateBudget } from 'kubernetes-models/_schemas/IoK8sApiPolicyV1PodDisruptionBudget';
import { Deployment, StatefulSet } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { CronJob } from 'kubernetes-models/batch/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, Secret, Service, ServiceAccount } from 'kubernetes-models/v1';
import { unknownKeys } from './unknown-keys.ts';

interface Schema {
  /** Throws when the object does not fit. */
  readonly check: (object: never) => void;
  readonly validate: (object: unknown) => boolean;
}

/** Every kind that the manifests may hold; another one has to be added here, so that nothing goes unchecked. */
const schemas: Readonly<Record<string, Schema>> = {
  'apps/v1 Deployment': { check: (object) => new Deployment(object).validate(), validate: validateDeployment },
  'apps/v1 StatefulSet': { check: (object) => new StatefulSet(object).validate(), validate: validateStatefulSet },
  'autoscaling/v2 HorizontalPodAutoscaler': {
    check: (object) => new HorizontalPodAutoscaler(object).validate(),
    validate: validateAutoscaler,
  },
  'batch/v1 CronJob': { check: (object) => new CronJob(object).validate(), validate: validateCronJob },
  'policy/v1 PodDisruptionBudget': {
    check: (object) => new PodDisruptionBudget(object).validate(),
    validate: validateBudget,
  },
  'v1 ConfigMap': { check: (object) => new ConfigMap(object).validate(), validate: validateConfigMap },
  'v1 Secret': { check: (object) => new Secret(object).validate(), validate: validateSecret },
  'v1 Service': { check: (object) => new Service(object).validate(), validate: validateService },
  'v1 ServiceAccount': {
    check: (object) => new ServiceAccount(object).validate(),
    validate: validateServiceAccount,
  },
};

/** What is wrong with a Kubernetes object, one line a problem: values that do not fit, and fields that do not exist. */
export function problemsOf(object: { apiVersion: string; kind: string; metadata: { name: string } }): string[] {
  const kind = `${object.apiVersion} ${object.kind}`;
  const schema = schemas[kind];
  if (schema === undefined) return [`${kind}: no schema is known for it`];
  const where = `${object.kind}/${object.metadata.name}`;
  const problems: string[] = [];
  try {
    schema.check(object as never);
  } catch (error) {
    problems.push(`${where}: ${error instanceof Error ? error.message : String(error)}`);
  }
  for (const path of unknownKeys(object, schema.validate)) problems.push(`${where}: unknown field ${path}`);
  return problems;
}
