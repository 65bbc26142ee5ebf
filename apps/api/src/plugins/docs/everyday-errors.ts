import type { Node } from './nodes.ts';
import { isNode } from './nodes.ts';

const problemType = 'application/problem+json';

/**
 * What comes from how a request is made or from the state of the service, not from what a route does: as rows of their own they
 * would stand below each operation, all alike.
 */
const everyday = new Set(['401', '403', '413', '415', '500', '503']);

/** Answers of an operation in which the everyday errors are one, `default`, that names the codes of each status. */
export function groupEverydayErrors(responses: Node): Node {
  const grouped = Object.entries(responses).filter(([status, answer]) => everyday.has(status) && isProblem(answer));
  if (grouped.length === 0) return responses;
  const kept = Object.entries(responses).filter((entry) => !grouped.some(([status]) => status === entry[0]));
  const lines = grouped.map(([status, answer]) => `${status} ${Object.keys(examplesOf(answer)).join(', ')}`);
  const examples = Object.assign({}, ...grouped.map(([, answer]) => examplesOf(answer))) as Node;
  const first = contentOf(grouped[0]?.[1]);
  const headers = Object.assign({}, ...grouped.map(([, answer]) => (isNode(answer) ? answer['headers'] : {}))) as Node;
  return Object.fromEntries([
    ...kept,
    [
      'default',
      {
        description: `Any other error: ${lines.join('; ')}.`,
        ...(Object.keys(headers).length > 0 && { headers }),
        content: { [problemType]: { ...first, examples } },
      },
    ],
  ]);
}

function contentOf(answer: unknown): Node | undefined {
  if (!isNode(answer) || !isNode(answer['content'])) return undefined;
  const media = answer['content'][problemType];
  return isNode(media) ? media : undefined;
}

function isProblem(answer: unknown): boolean {
  return contentOf(answer) !== undefined;
}

function examplesOf(answer: unknown): Node {
  const examples = contentOf(answer)?.['examples'];
  return isNode(examples) ? examples : {};
}
