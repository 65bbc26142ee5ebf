import { defineQueue, QueueDefinitionError, type QueueDefinition } from '@holdfast/queue';
import { Compile } from 'typebox/compile';
import { Check } from 'typebox/value';
import { checkPayloadSchema } from '../config/payload-schema.ts';
import { importDefault } from './import-default.ts';
import { importProblem } from './import-problem.ts';
import { OwnQueuesError } from './own-queues-error.ts';
import type { QueuePair, QueuePairs } from './queue-pairs.ts';

/**
 * The definitions of the pairs. Imports the `*.queue.*` files and nothing else.
 *
 * @param taken the names of other queues, each with what has it
 * @throws OwnQueuesError with everything that is wrong with the files, found while looking for them or here
 */
export async function loadDefinitions(
  { pairs, problems }: QueuePairs,
  taken: ReadonlyMap<string, string>,
): Promise<QueueDefinition[]> {
  const outcomes = await Promise.all(pairs.map(async (pair) => loadDefinition(pair, taken.get(pair.name))));
  const all = [...problems, ...outcomes.filter((outcome) => typeof outcome === 'string')];
  if (all.length > 0) throw new OwnQueuesError(all);
  return outcomes.filter((outcome) => typeof outcome !== 'string');
}

/** What is wrong, in a sentence, where something is. */
async function loadDefinition(pair: QueuePair, owner: string | undefined): Promise<QueueDefinition | string> {
  const { name, queueFile } = pair;
  if (owner !== undefined) return `${queueFile}: the name ${name} is taken by ${owner}`;
  const imported = await importDefault(queueFile);
  if ('problem' in imported) return imported.problem;
  const { value } = imported;
  try {
    if (!looksLikeDefinition(value))
      return `${queueFile}: its default export is no queue; export default defineQueue({ … })`;
    if (value.name !== name)
      return `${queueFile} defines the queue "${value.name}"; the file has to be ${value.name}.queue`;
    const definition = defineQueue(value);
    const wrong = payloadProblem(definition);
    if (wrong !== undefined) return `${queueFile}: its payload is no JSON Schema that can be checked: ${wrong}`;
    const adds = definition.schedule !== undefined || definition.runAtStart === true;
    if (adds && !Check(definition.payload, {})) {
      return `${queueFile} has a schedule, whose jobs have the data {}, and its payload does not take that`;
    }
    return definition;
  } catch (error) {
    if (error instanceof QueueDefinitionError) return `${queueFile}: ${error.message}`;
    // What a file exports may throw when it is read.
    return importProblem(error, queueFile);
  }
}

/** Why no job could be checked against the payload, or nobody be told what it is. */
function payloadProblem({ payload }: QueueDefinition): string | undefined {
  try {
    JSON.stringify(payload);
    Compile(payload);
    // A `type` that there is not would let anything pass.
    const problems: string[] = [];
    const add = (path: string, message: string, allowed = ''): void =>
      void problems.push(`${path} ${message}${allowed === '' ? '' : ` (allowed: ${allowed})`}`);
    checkPayloadSchema(payload, 'payload', { add }, { takesAnyKeyword: true });
    return problems[0];
  } catch (error) {
    return error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
  }
}

/** Enough for `defineQueue` to say the rest: what a file exports need not have gone through it. */
function looksLikeDefinition(value: unknown): value is QueueDefinition {
  if (!isObject(value)) return false;
  const { name, payload, retention } = value;
  return (
    typeof name === 'string' &&
    isObject(payload) &&
    isObject(retention) &&
    isObject(retention['completed']) &&
    isObject(retention['failed'])
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
