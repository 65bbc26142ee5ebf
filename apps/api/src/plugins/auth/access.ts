import { createHash, timingSafeEqual } from 'node:crypto';
import type { ApiKey } from '@holdfast/config';
import type { Scope } from '@holdfast/contract';
import { ApiError, apiErrors, mayUseNamespace } from '@holdfast/modules/http';

const bearer = /^Bearer +(?<token>hf_(?<id>[A-Za-z0-9-]{1,64})_[A-Za-z0-9_-]{16,256})$/i;

/**
 * The key that an `Authorization` header proves, `undefined` for any other header. Only digests are compared, each with
 * every configured one in constant time, so that the time says neither which ids exist nor how close a guess was.
 */
export function authenticate(header: string | undefined, keys: readonly ApiKey[]): ApiKey | undefined {
  const { id, token } = bearer.exec(header ?? '')?.groups ?? {};
  if (id === undefined || token === undefined) return undefined;
  const digest = createHash('sha256').update(token).digest();
  let proven: ApiKey | undefined;
  for (const key of keys) {
    const matches = timingSafeEqual(digest, Buffer.from(key.sha256, 'hex'));
    if (matches && key.id === id) proven = key;
  }
  return proven;
}

/**
 * Whether the key may do what the route does; `admin` implies every scope, but not every namespace.
 * @throws ApiError INSUFFICIENT_SCOPE or NAMESPACE_FORBIDDEN
 */
export function authorize(key: ApiKey, scope: Scope | undefined, namespace: string | undefined): void {
  if (scope !== undefined && !key.scopes.includes(scope) && !key.scopes.includes('admin')) {
    throw new ApiError(apiErrors.insufficientScope, `This route needs the scope ${scope}.`);
  }
  if (namespace !== undefined && !mayUseNamespace(key, namespace)) {
    throw new ApiError(apiErrors.namespaceForbidden, 'The API key is limited to other namespaces.');
  }
}
