import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Compile } from 'typebox/compile';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKey, startApi } from './fixture.ts';
import type { Api } from './fixture.ts';
import { listen } from './raw-http.ts';

const file = `queues:
  invoices:
    url: http://127.0.0.1:9/print
    payload:
      type: object
      properties: { invoice: { type: integer, errorMessage: must be a number }, errorMessage: { type: string } }
      required: [invoice]
      additionalProperties: false
  off:
    enabled: false
    url: http://127.0.0.1:9/
`;

describe('the schema of what a queue takes', () => {
  let directory: string;
  let api: Api;
  let origin: string;
  const reader = makeKey('reader', 'jobs:read');
  const writer = makeKey('writer', 'jobs:write');
  const cacher = makeKey('cacher', 'cache:read');

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'holdfast-schema-'));
    writeFileSync(join(directory, 'holdfast.yaml'), file);
    api = await startApi({
      engine: 'memory',
      env: {
        HOLDFAST_CONFIG: join(directory, 'holdfast.yaml'),
        HOLDFAST_API_KEYS: [reader, writer, cacher].map(({ entry }) => entry).join(','),
      },
    });
    origin = `http://127.0.0.1:${await listen(api)}`;
  });
  afterAll(async () => {
    await api.close();
    await rm(directory, { recursive: true, force: true });
  });

  const get = (queue: string, { token } = reader): Promise<Response> =>
    fetch(`${origin}/v1/queues/${queue}/schema`, { headers: { authorization: `Bearer ${token}` } });
  const add = async (queue: string, data: unknown): Promise<number> => {
    const { status } = await fetch(`${origin}/v1/queues/${queue}/jobs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${writer.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ data }),
    });
    return status;
  };

  it('is that of the configuration, in words that every validator knows', async () => {
    const answer = await get('invoices');
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await answer.json()).toEqual({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: { invoice: { type: 'integer' }, errorMessage: { type: 'string' } },
      required: ['invoice'],
      additionalProperties: false,
    });
  });

  it.each([
    ['what is right', { url: 'https://example.com/', headers: { a: 'b' } }, 201],
    ['a URL that is none', { url: 'example' }, 422],
    ['an unknown field', { url: 'https://example.com/', uri: 1 }, 422],
  ])('says of %s the same as the queue', async (_what, data, status) => {
    const schema = (await (await get('http-delivery')).json()) as object;
    expect(JSON.stringify(schema)).not.toContain('errorMessage');
    expect(Compile(schema).Check(data)).toBe(status === 201);
    expect(await add('http-delivery', data)).toBe(status);
  });

  it.each([
    ['nowhere', 'QUEUE_UNKNOWN'],
    ['off', 'QUEUE_DISABLED'],
  ])('is not found for the queue %s', async (queue, code) => {
    const answer = await get(queue);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ code });
  });

  it('needs the scope that reading a queue needs', async () => {
    expect((await get('invoices', cacher)).status).toBe(403);
    expect((await fetch(`${origin}/v1/queues/invoices/schema`)).status).toBe(401);
  });
});
