/** The states that jobs are listed by, in the order in which a list of all of them goes. */
export const listedStates = [
  'active',
  'waiting',
  'prioritized',
  'delayed',
  'waiting-children',
  'failed',
  'completed',
] as const;

export type ListedState = (typeof listedStates)[number];

export function isListedState(value: unknown): value is ListedState {
  return (listedStates as readonly unknown[]).includes(value);
}

export function stateAfter(state: ListedState): ListedState | undefined {
  return listedStates[listedStates.indexOf(state) + 1];
}
