export interface Step {
  readonly command: string;
  /** What it prints, with `…` for anything. */
  readonly expected: string;
}

/** The commands of the `console` blocks of a page, with what each is said to print. A line that ends in `\` goes on. */
export function transcript(text: string): Step[] {
  const blocks = [...text.matchAll(/^```console\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? '');
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const end = part.search(/(?<!\\)\n/);
        return { command: part.slice(0, end), expected: part.slice(end + 1).trim() };
      }),
  );
}

/**
 * Fits what was printed when `…` may stand for anything, nothing and lines included. How old an entry is, and for how long it is
 * still there, are seconds that have passed: any.
 */
export function pattern(expected: string): RegExp {
  const parts = expected
    .split('…')
    .map((part) => part.trim().replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`))
    .map((part) => part.replaceAll(/(age: |ttl=)\d+/g, String.raw`$1\d+`));
  return new RegExp(`^${parts.join(String.raw`[\s\S]*`)}$`);
}
