import type { EntityTypes } from '../src/entities/graph.ts';

/** A creator's assets follow it; an asset's project and creator follow it; a license's brand and asset follow it. */
export const studioTypes = {
  user: { namespaces: ['user', 'user-settings'], invalidates: [] },
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
