import type { CacheCore } from './cache-core.ts';
import type { Call } from './call.ts';
import type { Entry } from './entry.ts';
import type { Load } from './loads.ts';
import type { GetOrSetDetails } from './options.ts';
import type { Values } from './values.ts';

type Got = GetOrSetDetails<unknown>;

/** Hands the result of a load to its callers, or what there is to fall back on when it fails or takes too long. */
export class Sharing {
  readonly #core: CacheCore;
  readonly #values: Values;

  constructor(core: CacheCore, values: Values) {
    this.#core = core;
    this.#values = values;
  }

  /** For those who did not begin it: `undefined` where it was overtaken, and may be of before they came. */
  async share(load: Load, call: Call): Promise<Got | undefined> {
    const got = await this.result(load, call);
    return got.unstored?.reason === 'overtaken' ? undefined : got;
  }

  async result(load: Load, call: Call): Promise<Got> {
    const { grace } = load;
    const loaded = async (): Promise<Got> => {
      const { open, unstored } = await load.result;
      return { value: open(), served: 'loaded', layer: 'l2', unstored };
    };
    if (grace === undefined) return loaded();
    const { softTimeoutMs } = call.options;
    const late = Promise.withResolvers<undefined>();
    const timer = softTimeoutMs === undefined ? undefined : setTimeout(() => late.resolve(undefined), softTimeoutMs);
    const done = loaded().catch((error: unknown) => {
      this.#core.publishRefreshFailure(error);
      return undefined;
    });
    try {
      const got = await Promise.race([done, late.promise]);
      if (got !== undefined) return got;
      if (!(await this.#isDead(grace))) return this.graceOf(call, load, grace);
    } finally {
      clearTimeout(timer);
    }
    // Its tag was invalidated while the loader was at work.
    return loaded();
  }

  /** What is over, and served since there is nothing better. */
  graceOf({ complete }: Call, { layer }: Pick<Got, 'layer'>, grace: Entry): Got {
    return { value: this.#values.of(complete, grace)?.value, served: 'stale', layer, unstored: null };
  }

  async #isDead(grace: Entry): Promise<boolean> {
    const core = this.#core;
    if (core.fallback?.isActiveForAll === true) return false;
    try {
      return (core.knownFreshness(grace) ?? (await core.askedFreshness(grace))) === 'dead';
    } catch {
      return true; // Redis is gone, and nobody can say that its tags were not invalidated.
    }
  }
}
