import type { SourceOptions } from '@holdfast/sources';

/** What is mirrored into the cache, and where it comes from. */
export interface SourcesSettings {
  readonly byName: Readonly<Record<string, SourceOptions>>;
  /** What `enabled: false` turns off, in the order of the file; not in `byName`. */
  readonly disabled: readonly string[];
  readonly upstream: UpstreamConfig;
}

export interface UpstreamConfig {
  /** Without a trailing slash; `null`: there is none, and mirrors are served as they are. */
  readonly baseUrl: string | null;
  readonly apiKey?: string;
}
