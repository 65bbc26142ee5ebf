import type { ApiKey } from '@holdfast/config';
import type { Scope } from '@holdfast/contract';
import fp from 'fastify-plugin';
import { authenticate, authorize } from '../access.ts';
import { ApiError, apiErrors } from '../errors.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The API key of the caller; `null` on a public route and while no keys are configured. */
    apiKey: ApiKey | null;
  }
  interface FastifyContextConfig {
    /** What a caller must be allowed to do, or `public`. Each route says one: a route without it stops the start. */
    access?: Scope | 'any key' | 'public';
    /** The cache namespace that the request is about, for keys that are limited to some. */
    namespaceOf?: (request: FastifyRequest) => string | undefined;
  }
}

/** Checks the bearer key against what the route declares in `config.access`. Without configured keys all is open. */
export const auth = fp<{ readonly apiKeys: readonly ApiKey[] }>(
  async (app, { apiKeys }) => {
    app.decorateRequest('apiKey', null);

    app.addHook('onRoute', ({ url, config, schema }) => {
      if (config?.access === undefined && schema?.hide !== true) {
        throw new Error(`The route ${url} does not say in config.access who may call it.`);
      }
    });

    // Without keys there is nothing to look at, and so no hook.
    if (apiKeys.length === 0) return;
    app.addHook('onRequest', async (request) => {
      const { access, namespaceOf } = request.routeOptions.config;
      if (access === 'public' || access === undefined || request.is404) return;
      const key = authenticate(request.headers.authorization, apiKeys);
      if (key === undefined) {
        throw new ApiError(apiErrors.unauthenticated, 'Send a valid key: Authorization: Bearer hf_<id>_<secret>.');
      }
      request.apiKey = key;
      authorize(key, access === 'any key' ? undefined : access, namespaceOf?.(request));
    });
  },
  { name: 'auth' },
);
