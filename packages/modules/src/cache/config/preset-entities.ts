import type { EntityTypes } from '@holdfast/cache';

/** The built-in entity types: what goes along when one instance changes. */
export const presetEntities = {
  user: { namespaces: ['user', 'user-settings'], invalidates: [] },
  // Its assets carry the tag `creator:<id>`.
  creator: { namespaces: ['creator'], invalidates: [{ type: 'asset' }] },
  brand: { namespaces: ['brand'], invalidates: [] },
  asset: {
    namespaces: ['asset'],
    invalidates: [
      { type: 'project', field: 'projectId' },
      { type: 'creator', field: 'creatorId' },
    ],
  },
  project: { namespaces: ['project'], invalidates: [] },
  license: {
    namespaces: ['license'],
    invalidates: [
      { type: 'brand', field: 'brandId' },
      { type: 'asset', field: 'assetId' },
    ],
  },
} as const satisfies EntityTypes;
