import { groupsOf, variablesOf, type Variable } from '@holdfast/config';
import { configParts } from '../src/module.ts';
import { modules } from '../src/modules.ts';

const variables = variablesOf(configParts(modules));

const introduction = `# Environment variables

<!-- Generated from packages/config/src/variables.ts and the config of each module by \`pnpm --filter @holdfast/modules run docs\`. Do not edit. -->

Secrets and addresses come from the environment; what exists (namespaces, queues, sources) comes from
[holdfast.yaml](config.md). Both are checked before anything starts: a wrong value stops the start, with every problem at
once and without showing what is secret.

- An **empty** variable counts as unset.
- A variable marked **secret** can also be given as a file: \`REDIS_PASSWORD_FILE=/run/secrets/redis-password\` reads that
  file and drops line ends at its end. Setting both is an error. This is how Docker and Kubernetes secrets are mounted.
- A name that starts with \`HOLDFAST_\` or \`REDIS_\` and is not listed here is warned about at start, and so is one that is
  nearly a name of this page: it is probably a typo.
- Durations without a unit are milliseconds, except in the three variables that say seconds.

## Which mode

| mode | when | cache | queue |
|---|---|---|---|
| \`redis\` | \`REDIS_URL\`, \`REDIS_HOST\`, \`REDIS_SENTINELS\` or \`REDIS_CLUSTER_NODES\` is set; wins over a REST URL | that Redis | \`QUEUE_REDIS_URL\`, or that Redis |
| \`upstash\` | only a REST URL and its token are set | the REST API | \`QUEUE_REDIS_URL\`, or \`rediss://default:<token>@<host>:6379\` |
| \`embedded\` | none of these | memory: an eighth of what the process may use, at most 256 MiB | on disk, in \`HOLDFAST_DATA_DIR\` |

\`REDIS_ENGINE\` overrides the choice. With \`NODE_ENV=production\`, embedded mode is refused unless \`HOLDFAST_EMBEDDED=true\`. It needs 384 MiB of memory ([more](../guide/deploy.md#without-a-redis)).

## In containers

- The API binds to all addresses as soon as \`HOLDFAST_API_KEYS\` is set, so \`HOST\` needs no value there. (\`::\` takes IPv4 as
  well, and is \`0.0.0.0\` where there is no IPv6.) Without keys it stays on loopback, where the probes of Kubernetes (which
  come from outside the pod) do not reach it; a \`HOST\` that is not loopback is refused.
- \`HEALTH_PORT\` of the API and \`WORKER_PORT\` of the worker hold no data and need no key: they bind to all addresses in production.
- Kubernetes injects \`REDIS_PORT=tcp://…\` into pods beside a Service called \`redis\`. Holdfast ignores it with a warning;
  \`enableServiceLinks: false\` in the pod is cleaner.
- \`SHUTDOWN_DELAY\` and \`SHUTDOWN_TIMEOUT\` together must be below the grace period of the pod.

## API keys

\`HOLDFAST_API_KEYS\` holds one entry a caller, separated by commas or line ends (lines that start with \`#\` are comments):
\`<id>:<sha256>:<scope>+<scope>\`, and after it \`@<namespace>+<namespace>\` to restrict the key to some cache namespaces. The
id is 1 to 64 letters, digits or \`-\`; the hash is that of the whole key, in hexadecimal; the scopes are those of the REST
API. A new key for the caller \`shop\`:

\`\`\`sh
key="hf_shop_$(openssl rand -hex 24)"                # give this to the caller
printf 'shop:%s:cache:read+cache:write\\n' "$(printf %s "$key" | sha256sum | cut -d' ' -f1)"   # and keep this
\`\`\`

To rotate a key, add the new one under an id of its own, and remove the old one when nobody uses it.
`;

/** docs/reference/env.md */
export function environmentPage(): string {
  const sections = groupsOf(variables).map((group) => {
    const rows = variables.filter(([, variable]) => variable.group === group);
    const lines = rows.map(([name, variable]) => `| ${cells(name, variable).join(' | ')} |`);
    return [
      `## ${group.title}`,
      '',
      '| variable | default | allowed | what it does |',
      '|---|---|---|---|',
      ...lines,
      '',
    ].join('\n');
  });
  return `${introduction}\n${sections.join('\n')}`;
}

/** .env.example */
export function environmentExample(): string {
  const sections = groupsOf(variables).map((group) => {
    const rows = variables.filter(([, variable]) => variable.group === group);
    const lines = rows.flatMap(([name, variable]) => {
      const value = variable.example ?? variable.fallback ?? '';
      const shown = /[\s#"']/.test(value) ? `'${value}'` : value;
      return [`# ${variable.description}`, `#${name}=${shown}`, ''];
    });
    return [`# --- ${group.title} ---`, '', ...lines].join('\n');
  });
  const head = [
    '# Every variable of Holdfast, with its default or an example. Copy to .env and uncomment what you need; nothing is',
    '# needed to try it. docs/reference/env.md has the details. A variable can also name a file, where it is a secret:',
    '# REDIS_PASSWORD_FILE=/run/secrets/redis-password',
    '',
    '',
  ];
  return `${head.join('\n')}${sections.join('\n').trimEnd()}\n`;
}

function cells(name: string, variable: Variable<unknown>): string[] {
  const fallback = variable.fallbackNote ?? (variable.fallback === undefined ? '–' : `\`${variable.fallback}\``);
  const secret = variable.secret ? ' *(secret)*' : '';
  return [`\`${name}\`${secret}`, fallback, variable.type.allowed, variable.description].map((cell) =>
    cell.replaceAll('|', '\\|'),
  );
}
