/** A cache as the benchmarks use it. */
export interface Peer {
  readonly name: string;
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown): Promise<unknown>;
  getOrSet(key: string, load: () => Promise<unknown>): Promise<unknown>;
  setMany(entries: readonly (readonly [string, unknown])[]): Promise<unknown>;
  getMany(keys: readonly string[]): Promise<unknown>;
  deleteMany(keys: readonly string[]): Promise<unknown>;
  close(): Promise<unknown>;
}

export interface PeerOptions {
  readonly host: string;
  readonly port: number;
  /** Whether entries are kept in the process, too. */
  readonly l1: boolean;
}

export function openBentocache(options: PeerOptions): Peer;
export function openCacheManager(options: PeerOptions): Peer;
