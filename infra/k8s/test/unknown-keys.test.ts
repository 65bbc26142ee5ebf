import { describe, expect, it } from 'vitest';
import { find, read } from './manifests.ts';
import { problemsOf } from './schemas.ts';
import type { Manifest } from './manifests.ts';

/** The API's Deployment as it is written, to be spoilt by a test. */
function deployment(): Manifest & { spec: { template: { spec: { containers: [Record<string, unknown>] } } } } {
  return find(read('base/api.yaml'), 'Deployment', 'holdfast-api') as never;
}

describe('the check of a manifest', () => {
  it('accepts what is right', () => {
    expect(problemsOf(deployment())).toEqual([]);
  });

  it('names a field that does not exist, however deep it is', () => {
    const object = deployment();
    object.spec.template.spec.containers[0]['readinesProbe'] = { httpGet: { path: '/', port: 1 } };
    object.spec.template.spec.containers[0]['livenessProbe'] = { httpGet: { port: 1, pth: '/' } };
    expect(problemsOf(object)).toEqual([
      'Deployment/holdfast-api: unknown field /spec/template/spec/containers/0/livenessProbe/httpGet/pth',
      'Deployment/holdfast-api: unknown field /spec/template/spec/containers/0/readinesProbe',
    ]);
  });

  it('names a value of the wrong type', () => {
    const object = deployment();
    object.spec.template.spec.containers[0]['image'] = 5;
    expect(problemsOf(object)).toEqual([expect.stringContaining('/spec/template/spec/containers/0/image')]);
  });

  it('leaves free-form maps such as labels alone', () => {
    const object = { ...deployment(), metadata: { name: 'holdfast-api', labels: { 'example.org/anything': 'x' } } };
    expect(problemsOf(object)).toEqual([]);
  });

  it('refuses a kind that it cannot check', () => {
    expect(problemsOf({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' } })).toEqual([
      'v1 Pod: no schema is known for it',
    ]);
  });
});
