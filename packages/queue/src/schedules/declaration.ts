import { createHash } from 'node:crypto';

/** One thing that was declared of a schedule: that it runs so and so, or that it is not there. */
export interface Declaration {
  /** Of all that it says; equal ones are the same declaration, whoever makes them. */
  readonly fingerprint: string;
  /** As the operator numbers releases; 0 where that is not done. */
  readonly generation: number;
  /** When it first got to be what holds, by the clock of the store; of one generation the later is the newer one. */
  readonly since: number;
}

/** What is stored of a schedule: what holds, and what did before that. */
export interface StoredDeclaration extends Declaration {
  readonly earlier: readonly Declaration[];
}

export interface Claim {
  readonly fingerprint: string;
  readonly generation: number;
  /** What this process said of the schedule before, and that held. */
  readonly said: Declaration | undefined;
}

export interface Standing {
  readonly stored: StoredDeclaration | undefined;
  /** Whether a process that declares what holds was there lately. */
  readonly isAlive: boolean;
  readonly now: number;
}

/** So many that held before are remembered: more releases do not live side by side. */
const maxEarlier = 10;

export function fingerprintOf(content: unknown): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('base64url').slice(0, 22);
}

/**
 * What is to be stored where a process declares something; `undefined`: something newer holds. An older one is what a
 * process of an earlier release declares: one that said so before the newer was said, or that has started anew while
 * processes of the newer are there. One that starts when none of those is left was rolled back to, and is the newest.
 */
export function standingAfter(claim: Claim, { stored, isAlive, now }: Standing): StoredDeclaration | undefined {
  const { fingerprint, generation, said } = claim;
  const saidAt = said?.fingerprint === fingerprint ? said.since : undefined;
  if (stored === undefined) return { fingerprint, generation, since: saidAt ?? now, earlier: [] };
  if (stored.fingerprint === fingerprint) {
    return { ...stored, generation: Math.max(generation, stored.generation) };
  }
  // Who has said something else before has changed its mind now.
  const knownAt = said === undefined && isAlive ? sinceOf(fingerprint, stored.earlier) : undefined;
  const since = saidAt ?? knownAt ?? Math.max(now, stored.since + 1);
  const isNewer = generation === stored.generation ? since > stored.since : generation > stored.generation;
  if (!isNewer) return undefined;
  const { earlier, ...before } = stored;
  const others = [before, ...earlier].filter((one) => one.fingerprint !== fingerprint);
  return { fingerprint, generation, since, earlier: others.slice(0, maxEarlier) };
}

function sinceOf(fingerprint: string, declarations: readonly Declaration[]): number | undefined {
  return declarations.find((one) => one.fingerprint === fingerprint)?.since;
}

/** Whether something that was stored is a declaration: anybody can write to the store. */
export function isStoredDeclaration(value: unknown): value is StoredDeclaration {
  if (!isDeclaration(value)) return false;
  const { earlier } = value as Partial<StoredDeclaration>;
  return Array.isArray(earlier) && earlier.every((one) => isDeclaration(one));
}

function isDeclaration(value: unknown): value is Declaration {
  if (typeof value !== 'object' || value === null) return false;
  const { fingerprint, generation, since } = value as Partial<Record<keyof Declaration, unknown>>;
  return typeof fingerprint === 'string' && Number.isFinite(generation) && Number.isFinite(since);
}
