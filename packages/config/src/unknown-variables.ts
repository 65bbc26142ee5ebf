import { nearest } from './nearest.ts';

/** A variable of Holdfast, for telling the others from it. */
export interface KnownVariable {
  readonly name: string;
  readonly secret: boolean;
}

/** What docker-compose.yml reads, and the banner of `npm start`: they may stand in the same `.env` or shell. */
const ofOurTools: ReadonlySet<string> = new Set(['HOLDFAST_BIND', 'HOLDFAST_KEY', 'HOLDFAST_PORT', 'HOLDFAST_VERSION']);

/**
 * What to say of variables that nobody reads and that look like ours: a typo there would silently change nothing. An
 * environment is full of names that belong to others (`DOCKER_HOST`, `HOME`), so outside of our own prefixes only what is
 * very near counts, and for `PORT` and `HOST` only a letter that was lost, doubled or swapped.
 *
 * @param alsoRead names that holdfast.yaml refers to
 */
export function unknownVariables(
  env: Readonly<Record<string, string | undefined>>,
  known: readonly KnownVariable[],
  alsoRead: ReadonlySet<string>,
): string[] {
  const names = known.flatMap(({ name, secret }) => (secret ? [name, `${name}_FILE`] : [name]));
  const read = new Set([...names, ...alsoRead, ...ofOurTools]);
  const warnings: string[] = [];
  for (const name of Object.keys(env).sort()) {
    const value = env[name] ?? '';
    if (value === '' || read.has(name) || isServiceLinkName(name, value)) continue;
    const plain = known.find((variable) => !variable.secret && `${variable.name}_FILE` === name);
    if (plain !== undefined) {
      warnings.push(`${name} is not read, because ${plain.name} is no secret; set ${plain.name} itself`);
      continue;
    }
    const isOurs = name.startsWith('HOLDFAST_') || name.startsWith('REDIS_');
    const meant = isOurs ? nearest(name, names) : misspelt(name, names, env);
    if (!isOurs && meant === undefined) continue;
    warnings.push(
      `${printableName(name)} is no variable of Holdfast${meant === undefined ? '' : `; did you mean ${meant}?`}`,
    );
  }
  return warnings;
}

/** A variable that holds a link to a service of Kubernetes, in a pod beside a service called `redis` or `worker`. */
export function isServiceLink(name: string, value: string): boolean {
  return name.endsWith('_PORT') && /^(?:tcp|udp|sctp):\/\//.test(value);
}

function isServiceLinkName(name: string, value: string): boolean {
  return (
    isServiceLink(name, value) ||
    /_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/.test(name)
  );
}

const shortLength = 8;

function misspelt(
  name: string,
  names: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const upper = name.toUpperCase();
  if (upper !== name) return upper.length >= shortLength && names.includes(upper) ? upper : undefined;
  const withoutUnit = name.replace(/_(?:MS|SECONDS|SECS?|S)$/, '');
  if (withoutUnit !== name && withoutUnit.length >= shortLength && names.includes(withoutUnit)) return withoutUnit;
  const meant = names.find((candidate) => candidate.length < shortLength && isSlip(name, candidate));
  // `PRT` beside `PORT` is somebody else's.
  if (meant !== undefined) return (env[meant] ?? '') === '' ? meant : undefined;
  const long = names.filter((candidate) => candidate.length >= shortLength && beginsAlike(name, candidate));
  return nearest(name, long, name.length < 12 ? 1 : 2);
}

/** Whether one letter of `candidate` is missing, there twice, or swapped with the next; the outer ones are right. */
function isSlip(name: string, candidate: string): boolean {
  if (name.at(0) !== candidate.at(0) || name.at(-1) !== candidate.at(-1)) return false;
  return Array.from(candidate, (letter, at) => {
    const [before, after] = [candidate.slice(0, at), candidate.slice(at + 1)];
    return [before + after, before + letter + letter + after, before + after.slice(0, 1) + letter + after.slice(1)];
  }).some((slips) => slips.includes(name) && name !== candidate);
}

/** Who mistypes a name gets its first letter right, or loses it when copying. */
function beginsAlike(name: string, candidate: string): boolean {
  return name.at(0) === candidate.at(0) || candidate.slice(1) === name;
}

function printableName(name: string): string {
  return /^[A-Za-z0-9_]{1,80}$/.test(name) ? name : 'A variable with an odd name';
}
