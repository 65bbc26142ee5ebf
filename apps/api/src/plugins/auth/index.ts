import type { ApiKey } from '@holdfast/config';
import fp from 'fastify-plugin';
import { authenticate, authorize } from './access.ts';
import { ApiError, apiErrors } from '@holdfast/modules/http';

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
