import type { ScheduleRecords } from '../port/schedule-records.ts';
import {
  isStoredDeclaration,
  standingAfter,
  type Claim,
  type Declaration,
  type StoredDeclaration,
} from './declaration.ts';

/** So long a process that declares something counts as being there, and how often it says so. */
const aliveForMs = 180_000;
const sayEveryMs = 60_000;

/**
 * For so long it is brought about again each time it is said: a process of the older release that was held up between its claim
 * and what that brings about may come late.
 */
const unsettledForMs = 600_000;

interface Said {
  readonly records: ScheduleRecords;
  readonly byId: Map<string, SaidDeclaration>;
}

export interface ScheduleDeclaration {
  readonly queue: string;
  readonly id: string;
  readonly fingerprint: string;
  readonly isSaidOnce?: boolean;
}

interface SaidDeclaration extends Declaration {
  readonly bringAbout: () => Promise<void>;
  /** By `performance.now()`. */
  readonly unsettledUntil: number;
}

/**
 * What one process declares of schedules, beside what others do: during a rolling deployment two releases live side by side, and
 * what the newer one says holds, whatever the older one repeats after an outage.
 */
export class Declarations {
  readonly #generation: number;
  readonly #said = new Map<string, Said>();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** @param generation as the operator numbers releases; of one generation, what is said later is newer */
  constructor(generation = 0) {
    this.#generation = generation;
  }

  /**
   * Declares something of a schedule and brings it about, where it holds.
   * @param declaration what is said once is not brought about again later, such as a removal: somebody may have made a schedule of
   *   that id since
   * @returns whether it does; otherwise something newer does, and nothing is done
   */
  async declare(
    { queue, id, fingerprint, isSaidOnce = false }: ScheduleDeclaration,
    records: ScheduleRecords,
    bringAbout: () => Promise<void>,
  ): Promise<boolean> {
    const said = this.#saidOf(queue, records);
    const before = said.get(id);
    const held = await this.#claim(id, { fingerprint, generation: this.#generation, said: before }, records);
    if (held === undefined) return false;
    const isSame = before?.fingerprint === fingerprint;
    const unsettledUntil = isSame ? before.unsettledUntil : isSaidOnce ? 0 : performance.now() + unsettledForMs;
    said.set(id, { ...held, bringAbout, unsettledUntil });
    this.#start();
    await bringAbout();
    return true;
  }

  async #claim(id: string, claim: Claim, records: ScheduleRecords): Promise<Declaration | undefined> {
    for (;;) {
      const { now, text, aliveUntil } = await records.declared(id);
      const next = standingAfter(claim, { stored: parse(text), isAlive: aliveUntil > now, now });
      if (next === undefined) return undefined;
      // The order of the fields is that which `lua/schedule-declaration.lua` looks for.
      const { fingerprint, generation, since, earlier } = next;
      const after = JSON.stringify({ fingerprint, generation, since, earlier } satisfies StoredDeclaration);
      const isSaid = text === after && aliveUntil - now > sayEveryMs;
      if (isSaid || (await records.declare(id, text, after, aliveForMs))) return { fingerprint, generation, since };
    }
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
  }

  #saidOf(queue: string, records: ScheduleRecords): Map<string, SaidDeclaration> {
    const said = this.#said.get(queue) ?? { records, byId: new Map<string, SaidDeclaration>() };
    this.#said.set(queue, said);
    return said.byId;
  }

  #start(): void {
    if (this.#isClosed || this.#timer !== undefined) return;
    this.#timer = setInterval(() => void this.#sayAgain(), sayEveryMs);
    this.#timer.unref();
  }

  /** One command a queue, once all is settled. While the store is away nobody else can declare anything either. */
  async #sayAgain(): Promise<void> {
    for (const [queue, { records, byId }] of this.#said) {
      for (const [id, { fingerprint, bringAbout, unsettledUntil }] of byId) {
        if (performance.now() > unsettledUntil) continue;
        await this.declare({ queue, id, fingerprint }, records, bringAbout).catch(() => undefined);
      }
      const fingerprints = new Map([...byId].map(([id, { fingerprint }]) => [id, fingerprint]));
      await records.keepDeclared(fingerprints, aliveForMs).catch(() => undefined);
    }
  }
}

/** What is none counts as nothing. */
function parse(text: string): StoredDeclaration | undefined {
  if (text === '') return undefined;
  try {
    const value = JSON.parse(text) as unknown;
    return isStoredDeclaration(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
