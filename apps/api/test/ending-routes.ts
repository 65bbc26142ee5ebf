import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { modules } from '@holdfast/modules';
import type { Api } from './fixture.ts';

const folders = ['../src/routes', ...modules.map(({ name }) => `../../../packages/modules/src/${name}/routes`)];

/**
 * The routes whose handlers read `request.ended`, as their sources say it: those that loop, stream or wait. Each as
 * `method="…",route="…"`, the labels of its metrics.
 */
export function endingRoutes(): string[] {
  const files = folders.flatMap((folder) => {
    const root = fileURLToPath(new URL(folder, import.meta.url));
    return readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(root, name));
  });
  return files.flatMap((file) => {
    const [, ...routes] = readFileSync(file, 'utf8').split(/\bapp\.(?=(?:get|post|put|patch|delete)\()/);
    return routes.flatMap((text) => {
      const [, method = '', route = ''] = /^(\w+)\(\s*'([^']+)'/.exec(text) ?? [];
      const isRead = /\bended\b(?=[^)]*\}(?:, reply)?\) =>)|\.ended\b/.test(text);
      return isRead ? [`method="${method.toUpperCase()}",route="${route}"`] : [];
    });
  });
}

/** Those of them that nobody has asked yet, so that nothing was shown of them. */
export async function neverAsked({ app }: Api, status?: number): Promise<string[]> {
  const { payload } = await app.inject('/metrics');
  const counts = payload.split('\n').filter((line) => line.includes('_count{'));
  const end = status === undefined ? '' : `,status="${status}"`;
  return endingRoutes().filter((labels) => !counts.some((line) => line.includes(`${labels}${end}`)));
}
