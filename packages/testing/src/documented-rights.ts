import { readFileSync } from 'node:fs';

const page = new URL('../../../docs/reference/redis.md', import.meta.url);

/**
 * The rules of access (ACL) that docs/reference/redis.md tells to give the user of Holdfast: the arguments of
 * `ACL SETUSER`, with this password. Keys begin with `holdfast:`.
 */
export function documentedRights(password: string, { isCluster = false } = {}): readonly string[] {
  const commands = [...readFileSync(page, 'utf8').matchAll(/^ACL SETUSER holdfast (.*)$/gm)].map(
    ([, rules = '']) => rules,
  );
  const [always, inCluster] = commands;
  if (always === undefined || inCluster === undefined) throw new Error('The page has no such rules any more.');
  const rules = isCluster ? `${always} ${inCluster}` : always;
  return rules.split(' ').map((rule) => (rule === '>PASSWORD' ? `>${password}` : rule));
}
