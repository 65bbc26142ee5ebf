import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readCompose, root } from './compose.ts';

const compose = readCompose();
/** Comments removed, continued lines joined, one instruction a line. */
const instructions = readFileSync(`${root}infra/docker/Dockerfile`, 'utf8')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, ' ')
  .split('\n')
  .filter((line) => line !== '');

describe('the Dockerfile', () => {
  it('installs and compiles nothing in what it ships, and copies no sources into it', () => {
    const runtime = instructions.findIndex((line) => line.endsWith(' AS runtime'));
    const shipped = instructions.slice(runtime);
    expect(shipped.filter((line) => /(^RUN|&&) (npm|npx|pnpm) /.test(line))).toEqual([]);
    for (const copy of shipped.filter((line) => /^(COPY|ADD)/.test(line) && !line.includes('--from=build'))) {
      const [, source = ''] = copy.split(' ');
      expect(source).toMatch(/^infra\/docker\//);
      expect(existsSync(`${root}${source}`), source).toBe(true);
    }
  });

  it('ships what runs in production mode, and can open the embedded queue in a small container', () => {
    const runtime = instructions.findIndex((line) => line.endsWith(' AS runtime'));
    const shipped = instructions.slice(runtime);
    expect(shipped).toContainEqual(expect.stringMatching(/^ENV NODE_ENV=production\b/));
    const make = instructions.slice(0, runtime).find((line) => line.includes('make-template.js')) ?? '';
    const [, source = ''] = /packages\/queue\/dist\/(\S+)\.js/.exec(make) ?? [];
    expect(existsSync(`${root}packages/queue/src/${source}.ts`), make).toBe(true);
  });

  it.each(['api', 'worker'] as const)('starts and probes the %s', (app) => {
    const start = instructions.indexOf(`FROM runtime AS ${app}`) + 1;
    const end = instructions.findIndex((line, index) => index >= start && line.startsWith('FROM'));
    const stage = instructions.slice(start, end === -1 ? undefined : end);
    const argument = (name: string): string =>
      stage.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? '';

    const variables = Object.fromEntries(
      stage.filter((line) => line.startsWith('ENV ')).map((line) => line.slice('ENV '.length).split('=')),
    ) as Record<string, string>;

    const user = stage.findLast((line) => line.startsWith('USER ')) ?? '';
    expect(user).toMatch(/^USER \w+$/);
    expect(user).not.toMatch(/^USER (root|0)$/);

    // A file that is compiled from a source of the app.
    const entry = (JSON.parse(argument('CMD')) as string[]).at(-1) ?? '';
    expect(existsSync(`${root}apps/${app}/${entry.replace('dist/', 'src/').replace('.js', '.ts')}`), entry).toBe(true);

    // The ports that it listens on by default are the ones that are exposed, and that docker-compose.yml names.
    const ports = Object.entries(variables).filter(([variable]) => variable.endsWith('PORT'));
    expect(stage.filter((line) => line.startsWith('EXPOSE '))).toEqual(ports.map(([, port]) => `EXPOSE ${port}`));
    expect(compose.services[app].environment).toMatchObject(Object.fromEntries(ports));

    // The same request and the same times as in docker-compose.yml, which asks more often at the start.
    const { test, interval, timeout, start_period: startPeriod, retries } = compose.services[app].healthcheck;
    const [variable, port = ''] = ports.find(([, number]) => test[3]?.includes(`:${number}/`)) ?? [];
    const command = `node ${test[2]} "${test[3]?.replace(port, `\${${variable}}`)}"`;
    expect(argument('HEALTHCHECK').replaceAll(/\s+/g, ' ')).toBe(
      `--interval=${interval} --timeout=${timeout} --start-period=${startPeriod} --retries=${retries} CMD ${command}`,
    );
    // A thread answers there, where the app has one.
    expect(variable).toBe(app === 'api' ? 'HEALTH_PORT' : 'WORKER_PORT');
  });

  it('gives the API a data folder that its user may write, where docker-compose.yml mounts a volume, and the worker none', () => {
    const folder = compose.services.api.environment?.['HOLDFAST_DATA_DIR'] ?? '';
    // Of the stages after the shared one, the worker's is the first: it has what stands before the API's.
    const api = instructions.slice(instructions.indexOf('FROM runtime AS api'));
    expect(api).toContain(`ENV HOLDFAST_DATA_DIR=${folder}`);
    expect(api).toContainEqual(expect.stringMatching(/^RUN install --directory --owner=node .* \/var\/lib\/holdfast$/));
    const runtime = instructions.findIndex((line) => line.endsWith(' AS runtime'));
    const worker = instructions.slice(runtime, instructions.length - api.length);
    expect(worker.filter((line) => line.includes(folder) || line.includes('HOLDFAST_DATA_DIR'))).toEqual([]);
  });

  it('gets nothing into its context that git may not have, but the examples of environments', () => {
    const lines = (file: string): string[] =>
      readFileSync(`${root}${file}`, 'utf8')
        .split('\n')
        .map((line) => line.replace(/^\*\*\//, '').replace(/\/$/, ''));
    const ignored = lines('.dockerignore');
    // It is made anew in the image.
    const others = lines('.gitignore').filter(
      (line) => line !== '' && !/^[#!]/.test(line) && !line.endsWith('/template'),
    );
    expect(others.filter((line) => !ignored.includes(line))).toEqual([]);
    expect(ignored).toContain('secrets');
  });
});
