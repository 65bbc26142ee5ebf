import { readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import createFetchClient from 'openapi-fetch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operationFor, operationsOf } from './operations.ts';
import type { Paths } from './operations.ts';
import { startService } from './service.ts';
import type { Service } from './service.ts';
import { folder, made, runTool } from './tools.ts';

/** The snippets, and the client of hey-api. No compiler of this file knows them: what they import is made below. */
interface Snippet {
  readonly calls: Readonly<
    Record<string, (client: unknown) => Promise<{ readonly data?: unknown; readonly error?: unknown }>>
  >;
}
type CreateClient = (options: { readonly baseUrl: string; readonly fetch?: typeof fetch }) => unknown;

/** The programs of a page. Their fence is not that of programs that run as they stand. */
function blocksOf(page: string): string[] {
  return [...page.matchAll(/^```typescript\n([\s\S]*?)^```/gm)].map(([, code = '']) => code);
}

const guide = blocksOf(readFileSync(new URL('../../../docs/guide/clients.md', import.meta.url), 'utf8'));

describe('the clients that are made of the document', () => {
  let service: Service;
  let paths: Paths;
  beforeAll(async () => {
    service = await startService();
    ({ paths } = JSON.parse(service.document) as { paths: Paths });
    await rm(made, { recursive: true, force: true });
    await mkdir(made);
    await writeFile(join(made, 'openapi.json'), service.document);
    const generated = await Promise.all([
      runTool('openapi-typescript', ['dist/openapi.json', '--output', 'dist/openapi-typescript.ts']),
      runTool('openapi-ts', ['--input', './dist/openapi.json', '--output', 'dist/hey-api', '--no-log-file']),
    ]);
    for (const { code, output } of generated) expect(code, output).toBe(0);
    await mkdir(join(made, 'guide'));
    for (const [at, block] of guide.entries()) {
      const program = block
        .replaceAll('http://localhost:3000', service.url)
        .replaceAll("'./holdfast.ts'", "'../openapi-typescript.ts'")
        .replaceAll("'./client", "'../hey-api");
      await writeFile(join(made, 'guide', `${at}.ts`), `${program}export {};\n`);
    }
  });
  afterAll(() => service.stop());

  /** The snippet with a function that makes its client. */
  async function load(
    name: string,
  ): Promise<{ readonly calls: Snippet['calls']; readonly createClient: CreateClient }> {
    const { calls } = (await import(join(folder, 'clients', `${name}.ts`))) as Snippet;
    if (name === 'openapi-fetch') return { calls, createClient: createFetchClient };
    return { calls, ...((await import(join(made, 'hey-api/client/index.ts'))) as { createClient: CreateClient }) };
  }

  it.each([
    ['TypeScript 7', join(folder, '../..')],
    ['TypeScript 5.9', folder],
  ])('compile with calls of every operation: %s', async (_version, bin) => {
    const { code, output } = await runTool('tsc', ['--project', 'clients'], bin);
    expect(code, output).toBe(0);
  });

  it.each(['openapi-fetch', 'hey-api'])('send what the document has: %s', async (name) => {
    const { calls, createClient } = await load(name);
    expect(Object.keys(calls).sort()).toEqual(operationsOf(paths).sort());
    for (const [operation, call] of Object.entries(calls)) {
      const sent: Request[] = [];
      const record = (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
        sent.push(new Request(input, init));
        const isStream = operation === 'followJob';
        const headers = { 'content-type': isStream ? 'text/event-stream' : 'application/json' };
        return Promise.resolve(new Response(isStream ? 'data: {}\n\n' : '{"keys":[],"cursor":null}', { headers }));
      };
      await call(createClient({ baseUrl: 'http://holdfast.test', fetch: record }));
      expect(sent.map((request) => operationFor(paths, request))).toEqual([operation]);
    }
  });

  it.each(['openapi-fetch', 'hey-api'])('work with the service: %s', async (name) => {
    const { calls, createClient } = await load(name);
    const client = createClient({ baseUrl: service.url });
    const call = async (operation: string): Promise<{ readonly data?: unknown; readonly error?: unknown }> => {
      const send = calls[operation];
      if (send === undefined) throw new Error(`The snippet has no ${operation}.`);
      return send(client);
    };
    expect(await call('bulkSet')).toMatchObject({ data: { successful: 1, failed: 0 } });
    expect(await call('getEntry')).toMatchObject({ data: { name: 'Ada' } });
    expect(await call('putEntry')).not.toHaveProperty('error.code');
    expect(await call('getEntry')).toMatchObject({ data: { name: 'Ada' } });
    // Page by page: the first may be empty where many services share a Redis.
    expect(await call('listKeys')).toMatchObject({ data: ['user:42'] });
    expect(await call('getPayloadSchema')).toMatchObject({ data: { type: 'object', required: ['url'] } });
    expect(await call('addJob')).toMatchObject({ data: { id: 'hook-1', duplicate: false } });
    expect(await call('listJobs')).toMatchObject({ data: { jobs: [{ id: 'hook-1', state: 'delayed' }] } });
    expect(await call('removeJob')).not.toHaveProperty('error.code');
    expect(await call('getJob')).toMatchObject({ error: { code: 'JOB_NOT_FOUND', status: 404 } });
  });

  it('have a program each in the guide', () => expect(guide.length).toBeGreaterThanOrEqual(2));

  it.each([...guide.keys()])('do what the guide says (%i)', async (at) => {
    await expect(import(join(made, 'guide', `${at}.ts`))).resolves.toBeDefined();
  });
});
