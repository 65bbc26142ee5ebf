/** Reads values that are only worth reading when somebody asks, and sets the metrics. */
export type ScrapeHook = () => Promise<void> | void;

interface Hook {
  readonly run: ScrapeHook;
  /** Still at work since an earlier scrape: not started a second time. */
  busy: boolean;
}

/** Runs hooks at each scrape, side by side, none longer than the deadline: a stuck Redis must not hang the scrape. */
export class ScrapeHooks {
  readonly #hooks = new Set<Hook>();
  readonly #preparations: (() => void)[] = [];
  readonly #deadlineMs: number;
  readonly #onFailure: () => void;

  constructor(deadlineMs: number, onFailure: () => void) {
    this.#deadlineMs = deadlineMs;
    this.#onFailure = onFailure;
  }

  /** Replies a function that removes the hook. */
  add(run: ScrapeHook): () => void {
    const hook = { run, busy: false };
    this.#hooks.add(hook);
    return () => void this.#hooks.delete(hook);
  }

  /** Has `prepare`, which must not throw, run before the hooks of each scrape. */
  before(prepare: () => void): void {
    this.#preparations.push(prepare);
  }

  /** Never rejects. A hook that fails or is late counts as a failure, once. */
  async run(): Promise<void> {
    for (const prepare of this.#preparations) prepare();
    await Promise.all([...this.#hooks].map(async (hook) => this.#runOne(hook)));
  }

  clear(): void {
    this.#hooks.clear();
  }

  async #runOne(hook: Hook): Promise<void> {
    if (hook.busy) {
      this.#onFailure();
      return;
    }
    hook.busy = true;
    const work = (async () => hook.run())()
      .then(
        () => true,
        () => false,
      )
      .finally(() => {
        hook.busy = false;
      });
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(resolve, this.#deadlineMs, false);
    if (!(await Promise.race([work, late]))) this.#onFailure();
    clearTimeout(timer);
  }
}
