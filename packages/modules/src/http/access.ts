import type { ApiKey } from '@holdfast/config';

/** Without a list of namespaces a key is valid for all of them; without a key (no keys configured) everything is open. */
export function mayUseNamespace(key: ApiKey | null, namespace: string): boolean {
  return key?.namespaces === undefined || key.namespaces.includes(namespace);
}
