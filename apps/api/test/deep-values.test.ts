import type { AddressInfo } from 'node:net';
import { maxNesting } from '@holdfast/redis-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api } from './fixture.ts';

const arrays = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
const objects = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
const tooDeep = [arrays(maxNesting + 1), objects(5000), arrays(7500), objects(50_000)];

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
}

describe.each(['redis', 'embedded'] as const)('values that are nested too deep, in %s mode', (engine) => {
  let api: Api;
  let address: string;
  beforeAll(async () => {
    api = await startApi({ engine });
    await api.app.listen({ host: '127.0.0.1', port: 0 });
    address = `http://127.0.0.1:${(api.app.server.address() as AddressInfo).port}`;
  });
  afterAll(() => api.close());

  const queue = '/v1/queues/http-delivery';
  const send = async (method: string, path: string, payload: string) => {
    const answer = await fetch(address + path, {
      method,
      body: payload,
      headers: { 'content-type': 'application/json' },
    });
    const text = await answer.text();
    expect(answer.status, `${method} ${path} ${payload.slice(0, 60)}… ${text}`).toBeLessThan(500);
    return { status: answer.status, body: (text === '' ? undefined : JSON.parse(text)) as never };
  };
  const issue = (path: string) => [{ path, message: expect.stringContaining(`deeper than ${maxNesting} levels`) }];
  const delivery = (body: string): string => `{"url":"https://example.com/","body":${body}}`;

  it.each(tooDeep)('are refused as the data of a job and of a schedule, among many jobs alone (%#)', async (deep) => {
    for (const data of [deep, delivery(deep)]) {
      const single = await send('POST', `${queue}/jobs`, `{"data":${data}}`);
      expect(single).toMatchObject({ status: 400, body: { code: 'JSON_TOO_DEEP', errors: issue('/data') } });
      const bulk = await send(
        'POST',
        `${queue}/jobs/bulk`,
        `{"jobs":[{"data":${delivery('1')}},{"data":${data}},{"data":${delivery('2')}}]}`,
      );
      expect(bulk.body).toMatchObject({
        accepted: 2,
        rejected: 1,
        items: [
          { status: 'accepted' },
          { status: 'rejected', error: { code: 'JSON_TOO_DEEP', errors: issue('/data') } },
          { status: 'accepted' },
        ],
      });
      const schedule = await send('PUT', `${queue}/schedules/deep`, `{"every":"1h","job":{"data":${data}}}`);
      expect(schedule).toMatchObject({ status: 400, body: { code: 'JSON_TOO_DEEP', errors: issue('/job/data') } });
    }
    for (const job of [
      deep,
      `{"data":{},"options":${deep}}`,
      `{"data":{},"name":${deep}}`,
      `{"data":{},"x":${deep}}`,
    ]) {
      const bulk = await send('POST', `${queue}/jobs/bulk`, `{"jobs":[${job},{"data":${delivery('1')}}]}`);
      expect(bulk.body).toMatchObject({ accepted: 1, rejected: 1 });
    }
  });

  it.each(tooDeep)('are refused as entries, among many alone (%#)', async (deep) => {
    const single = await send('PUT', '/v1/cache/prompts/deep', deep);
    expect(single).toMatchObject({ status: 400, body: { code: 'JSON_TOO_DEEP', errors: issue('body') } });
    const items = `[{"key":"deep","value":${deep}},{"key":"flat","value":1}]`;
    const set = await send('POST', '/v1/cache/prompts/bulk/set', `{"items":${items}}`);
    expect(set.body).toMatchObject({ successful: 1, failed: 1, errors: [{ key: 'deep', code: 'JSON_TOO_DEEP' }] });
    const sync = await send('POST', '/v1/cache/prompts/sync', `{"updates":${items},"deletions":[]}`);
    expect(sync.body).toMatchObject({ successful: 1, failed: 1, updated: 1 });
    const tags = await send('POST', '/v1/cache/prompts/bulk/set', `{"items":[{"key":"k","value":1,"tags":${deep}}]}`);
    expect(tags.status).toBe(400);
    expect((await fetch(`${address}/v1/cache/prompts/deep`)).status).toBe(404);
  });

  it('give no 5xx anywhere in the body of any route', async () => {
    const { paths } = (await api.app.inject('/openapi.json')).json<{
      paths: Record<string, Record<string, { requestBody?: { content: Record<string, { schema?: Schema }> } }>>;
    }>();
    let sent = 0;
    for (const [path, operations] of Object.entries(paths)) {
      for (const [method, { requestBody }] of Object.entries(operations)) {
        if (!['post', 'put', 'delete', 'patch'].includes(method)) continue;
        const schema = requestBody?.content['application/json']?.schema ?? {};
        for (const deep of [engine === 'redis' ? arrays(5000) : objects(20_000)]) {
          for (const body of bodiesWith(schema, deep)) {
            const { status } = await send(method.toUpperCase(), filled(path), body);
            expect(
              [200, 201, 204, 400, 404, 409, 413, 415, 422, 501],
              `${method} ${path} ${body.slice(0, 80)}`,
            ).toContain(status);
            sent += 1;
          }
        }
      }
    }
    expect(sent).toBeGreaterThan(50);
    expect(api.log.filter((line) => line.includes('"INTERNAL"'))).toEqual([]);
  });

  it('are taken up to the bound, and come back as they were', async () => {
    const deepest = arrays(maxNesting);
    expect((await send('PUT', '/v1/cache/prompts/deepest', deepest)).status).toBeLessThan(300);
    expect(
      (await send('POST', '/v1/cache/prompts/bulk/set', `{"items":[{"key":"b","value":${deepest}}]}`)).body,
    ).toMatchObject({
      successful: 1,
    });
    const read = await fetch(`${address}/v1/cache/prompts/bulk/get`, {
      method: 'POST',
      body: '{"keys":["deepest","b"]}',
      headers: { 'content-type': 'application/json' },
    });
    expect((await read.text()).split(deepest)).toHaveLength(3);
    const data = delivery(arrays(maxNesting - 1));
    const added = await send('POST', `${queue}/jobs`, `{"data":${data},"options":{"delay":"1h"}}`);
    const { id } = added.body as { id: string };
    for (const path of [`${queue}/jobs/${id}`, `${queue}/jobs?state=delayed`]) {
      expect(await (await fetch(address + path)).text()).toContain(data);
    }
    expect((await send('PUT', `${queue}/schedules/deepest`, `{"every":"1h","job":{"data":${data}}}`)).status).toBe(200);
    expect(await (await fetch(`${address}${queue}/schedules`)).text()).toContain(data);
  });
});

/** The deep value as the whole body, in an unknown field, and in the place of each field and item. */
function bodiesWith(schema: Schema, deep: string): string[] {
  const variants = [schema, ...(schema.anyOf ?? [])];
  const fields = variants.flatMap(({ properties = {} }) => Object.entries(properties));
  return [
    deep,
    `{"unknown":${deep}}`,
    ...fields.flatMap(([name, part]) => [
      `{${JSON.stringify(name)}:${deep}}`,
      ...(part.items === undefined
        ? []
        : [`{${JSON.stringify(name)}:[${deep}]}`, `{${JSON.stringify(name)}:[{"key":"k","value":${deep}}]}`]),
    ]),
  ];
}

function filled(path: string): string {
  const parts: Record<string, string> = { ns: 'prompts', q: 'http-delivery', s: 'instances', type: 'user' };
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => parts[name] ?? 'any');
}
