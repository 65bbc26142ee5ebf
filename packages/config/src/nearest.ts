/** The candidate that differs least from `name`, if it is close enough to be what was meant. */
export function nearest(name: string, candidates: readonly string[], limit = allowance(name)): string | undefined {
  if (name.length > 100) return undefined;
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    // The lengths alone can make them too different; most candidates end here.
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const between = distance(name, candidate);
    if (between < bestDistance) {
      best = candidate;
      bestDistance = between;
    }
  }
  return best;
}

function allowance(name: string): number {
  return Math.max(2, Math.floor(name.length / 5));
}

/** The number of characters to insert, drop or replace, or of neighbours to swap (optimal string alignment). */
function distance(left: string, right: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 0; row < left.length; row += 1) {
    const current = [row + 1];
    for (let column = 0; column < right.length; column += 1) {
      const replaced = (previous[column] ?? 0) + (left[row] === right[column] ? 0 : 1);
      const isSwap = row > 0 && column > 0 && left[row] === right[column - 1] && left[row - 1] === right[column];
      const swapped = isSwap ? (beforePrevious[column - 1] ?? 0) + 1 : Infinity;
      current.push(Math.min(replaced, swapped, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[right.length] ?? 0;
}
