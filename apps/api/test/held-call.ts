import { Latch } from '@holdfast/testing';

type Method = (...args: never[]) => unknown;

/** The calls of one method, stopped on their way. */
export interface HeldCalls {
  /** Opens when the first of them has come. */
  readonly reached: Latch;
  /** Lets them all go on; later ones are not held. */
  release(): void;
  /** What came of them. */
  readonly outcomes: readonly Promise<unknown>[];
  /** Puts the method back. */
  restore(): void;
}

/** Holds the calls of `target[name]` that `which` chooses (all, without it), counted from 1. */
export function hold<Name extends string>(
  target: object & { readonly [Key in Name]: Method },
  name: Name,
  which: (count: number, args: readonly unknown[]) => boolean = () => true,
): HeldCalls {
  const original: Method = target[name];
  const reached = new Latch();
  const go = new Latch();
  const outcomes: Promise<unknown>[] = [];
  let count = 0;
  const held = async (...args: never[]): Promise<unknown> => {
    count += 1;
    if (which(count, args)) {
      reached.open();
      await go.wait();
    }
    const outcome = Promise.resolve(original.apply(target, args));
    outcome.catch(() => undefined);
    outcomes.push(outcome);
    return outcome;
  };
  const own = Object.getOwnPropertyDescriptor(target, name);
  Object.defineProperty(target, name, { value: held, configurable: true, writable: true });
  return {
    reached,
    release: go.open,
    outcomes,
    restore() {
      go.open();
      if (own === undefined) Reflect.deleteProperty(target, name);
      else Object.defineProperty(target, name, own);
    },
  };
}
