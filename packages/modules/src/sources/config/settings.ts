import type { Config } from '@holdfast/config';

/** What the configuration says of the mirrored sources. */
export interface SourcesSettings {
  readonly sources: Config['sources'];
  /** Names of sources that are turned off. */
  readonly disabled: readonly string[];
  readonly upstream: Config['upstream'];
}

export const sourcesConfig = {
  settings: ({ sources, disabled, upstream }: Config): SourcesSettings => ({
    sources,
    disabled: disabled.sources,
    upstream,
  }),
};
