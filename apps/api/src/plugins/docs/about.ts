/** What the OpenAPI document says of the service as a whole. */
export const about = {
  openapi: '3.1.0',
  servers: [{ url: '/', description: 'The one that has served this document.' }],
  externalDocs: {
    url: 'https://github.com/holdfast/holdfast/tree/main/docs#readme',
    description: 'Guides, the settings, and every error code.',
  },
  tags: [
    { name: 'cache', description: 'Entries: bytes with a content type, a TTL and tags.' },
    { name: 'jobs', description: 'Background work that survives crashes.' },
    { name: 'namespaces', description: 'What the cache holds and how well it does.' },
    { name: 'operations', description: 'Health, metrics and this document.' },
    { name: 'queues', description: 'Backlog, age and policy of each queue.' },
    { name: 'sources', description: 'Upstream collections, mirrored into the cache.' },
  ],
  components: {
    securitySchemes: {
      apiKey: {
        type: 'http' as const,
        scheme: 'bearer',
        bearerFormat: 'hf_<id>_<secret>',
        description: 'Needed as soon as HOLDFAST_API_KEYS is set. `x-scope` of an operation names its scope.',
      },
    },
  },
};

export const info = {
  title: 'Holdfast',
  description: 'A Redis-backed cache and job service that stays up when Redis is down.',
  contact: { name: 'Holdfast', url: 'https://github.com/holdfast/holdfast/issues' },
  license: { name: 'MIT', url: 'https://github.com/holdfast/holdfast/blob/main/LICENSE' },
};
