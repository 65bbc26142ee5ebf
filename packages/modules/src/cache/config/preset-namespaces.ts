import type { NamespaceOptions } from '@holdfast/cache';

/** What the environment says about the presets; in milliseconds. */
export interface PresetTtls {
  readonly instancesSoftMs: number;
  readonly apiResponsesMs: number | null;
  readonly comprehensiveMs: number | null;
}

const minute = 60_000;
const hour = 60 * minute;

/** Soft TTL of a namespace that a source writes and that does not say otherwise. */
export const defaultSoftTtlMs: number = 5 * minute;

/** The namespaces that are there before a file adds to them or changes them. */
export function presetNamespaces(ttls: PresetTtls): Readonly<Record<string, NamespaceOptions>> {
  return {
    // Mirrored: items never expire, a sync removes them; the soft TTL says from when on they are stale.
    instances: { ttlMs: null, softTtlMs: ttls.instancesSoftMs },
    products: { ttlMs: null, softTtlMs: 6 * hour },
    'api-responses': { ttlMs: ttls.apiResponsesMs },
    comprehensive: { ttlMs: ttls.comprehensiveMs },
    prompts: { ttlMs: 24 * hour },
    // Computed at a cost and never outdated.
    aesthetics: { ttlMs: null },
    embeddings: { ttlMs: null },
    user: { ttlMs: hour },
    creator: { ttlMs: hour },
    brand: { ttlMs: hour },
    asset: { ttlMs: hour },
    project: { ttlMs: hour },
    license: { ttlMs: hour },
    'integration-status': { ttlMs: 5 * minute },
    'system-health': { ttlMs: minute },
    'user-settings': { ttlMs: 30 * minute },
  };
}
