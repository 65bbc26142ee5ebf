import type { ApiKey } from '@holdfast/config';
import type { FastifyRequest } from 'fastify';
import { authenticate, authorize } from '../auth/access.ts';
import { ApiError, apiErrors } from '@holdfast/modules/http';

const loopbackPeer = /^(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1|::ffff:127\.\d{1,3}\.\d{1,3}\.\d{1,3})$/;
const loopbackHost = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?::\d{1,5})?$/i;
const proxyHeaders = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'];
const readingMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Why a request may not see the board; `undefined` when it may. With API keys it takes one with the scope `admin`, as
 * bearer or, for a browser, as password. Without keys it is there for this machine alone, and not at all for others: also
 * not through a proxy on this machine, nor under a foreign name that resolves to it (DNS rebinding).
 */
export function boardRefusal(request: FastifyRequest, apiKeys: readonly ApiKey[]): ApiError | undefined {
  const refusal = apiKeys.length > 0 ? keyRefusal(request, apiKeys) : strangerRefusal(request);
  if (refusal !== undefined) return refusal;
  // A browser adds the password by itself, also to what another site makes it send.
  if (!readingMethods.has(request.method) && isFromAnotherSite(request)) {
    return new ApiError(apiErrors.crossSite, 'The board takes changes from its own pages only.');
  }
  return undefined;
}

function keyRefusal({ headers }: FastifyRequest, apiKeys: readonly ApiKey[]): ApiError | undefined {
  const key = authenticate(bearerOf(headers.authorization), apiKeys);
  if (key === undefined) {
    return new ApiError(apiErrors.unauthenticated, 'The board needs an API key with the scope admin.');
  }
  try {
    authorize(key, 'admin', undefined);
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

/** A key that comes as the password of HTTP Basic, in the form of a bearer token. */
function bearerOf(header: string | undefined): string | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=]{1,1024})$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return header;
  const pair = Buffer.from(encoded, 'base64').toString();
  return `Bearer ${pair.slice(pair.indexOf(':') + 1)}`;
}

function strangerRefusal({ headers, socket }: FastifyRequest): ApiError | undefined {
  const isHere =
    loopbackPeer.test(socket.remoteAddress ?? '') &&
    loopbackHost.test(headers.host ?? '') &&
    proxyHeaders.every((name) => headers[name] === undefined);
  return isHere ? undefined : new ApiError(apiErrors.routeNotFound, 'No route matches this path.');
}

function isFromAnotherSite({ headers }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  const { origin, host } = headers;
  return origin !== undefined && !(URL.canParse(origin) && new URL(origin).host === host);
}
