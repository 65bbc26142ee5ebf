import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Api, startApi } from './fixture.ts';
import { listen, send } from './raw-http.ts';

const bytes = 4 * 1024 * 1024;
const path = '/v1/cache/prompts/large';

/** What is counted is what a body costs, as it comes over a socket: each copy of it would be an allocation of its size. */
describe('a large body', () => {
  let api: Api;
  let port: number;
  const agent = new Agent({ keepAlive: true });
  beforeAll(async () => {
    api = await startApi();
    port = await listen(api);
  });
  afterAll(async () => {
    agent.destroy();
    await api.close();
  });

  async function put(body: Buffer, contentType: string, isChunked = false): Promise<number> {
    const length = isChunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': body.length };
    const headers = { 'content-type': contentType, ...length };
    const call = request({ host: '127.0.0.1', port, path, method: 'PUT', agent, headers });
    call.end(body);
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
    return response.statusCode ?? 0;
  }
  const stored = async (): Promise<Buffer> =>
    Buffer.from(await (await fetch(`http://127.0.0.1:${port}${path}`)).arrayBuffer());

  /** How much memory was asked for at once, and how much text was made of bytes, where it is more than a megabyte. */
  async function largeSteps(work: () => Promise<unknown>): Promise<string[]> {
    const allocated = [vi.spyOn(Buffer, 'allocUnsafeSlow'), vi.spyOn(Buffer, 'allocUnsafe'), vi.spyOn(Buffer, 'alloc')];
    const joined = vi.spyOn(Buffer, 'concat');
    const asText = vi.spyOn(Buffer.prototype, 'toString');
    try {
      await work();
      const sizes = {
        allocated: allocated.flatMap(({ mock }) => mock.calls.map(([size]) => size)),
        joined: joined.mock.results.map(({ value }) => (Buffer.isBuffer(value) ? value.length : 0)),
        'made a text': asText.mock.contexts.map(({ length }) => length),
      };
      return Object.entries(sizes).flatMap(([step, all]) => all.flatMap((size) => (size > 1_000_000 ? [step] : [])));
    } finally {
      vi.restoreAllMocks();
    }
  }

  it.each([
    ['bytes', 'application/octet-stream', (): Buffer => randomBytes(bytes)],
    ['JSON', 'application/json', (): Buffer => Buffer.from(JSON.stringify({ text: 'x'.repeat(bytes) }))],
  ])('of %s has memory once, is never copied, and the next one uses that again', async (_, contentType, make) => {
    for (const [index, allowed] of [['allocated'], []].entries()) {
      const body = make();
      const steps = await largeSteps(async () => expect([201, 204]).toContain(await put(body, contentType)));
      // The one before may have left it its memory.
      expect(allowed.slice(0, steps.length)).toEqual(steps);
      expect((await stored()).equals(body), `${index}`).toBe(true);
    }
  });

  it('may come in chunks, or be empty', async () => {
    const body = randomBytes(bytes);
    expect(await put(body, 'application/octet-stream', true)).toBe(204);
    expect((await stored()).equals(body)).toBe(true);
    expect(await put(Buffer.alloc(0), 'application/octet-stream')).toBe(204);
    expect((await stored()).length).toBe(0);
    expect(await put(Buffer.alloc(0), 'application/octet-stream', true)).toBe(204);
  });

  it('does not show what another left in its memory, when less comes than was said', async () => {
    await put(Buffer.alloc(bytes, 'secret'), 'text/plain');
    const head = `PUT ${path} HTTP/1.1\r\nHost: localhost\r\ncontent-type: text/plain\r\n`;
    const answer = await send(port, `${head}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`);
    expect(answer.status).toBe(204);
    expect((await stored()).toString()).toBe('abc');
  });

  it('is refused above the limit, in either form', async () => {
    const limit = api.config.server.bodyLimitBytes;
    const head = `PUT ${path} HTTP/1.1\r\nHost: localhost\r\ncontent-type: text/plain\r\n`;
    const said = await send(port, `${head}content-length: ${limit + 1}\r\n\r\nabc`);
    expect([said.status, said.body]).toEqual([413, expect.stringContaining('BODY_TOO_LARGE')]);
    const chunk = 'x'.repeat(limit + 1);
    const came = await send(
      port,
      `${head}transfer-encoding: chunked\r\n\r\n${chunk.length.toString(16)}\r\n${chunk}\r\n`,
    );
    expect([came.status, came.body]).toEqual([413, expect.stringContaining('BODY_TOO_LARGE')]);
  });
});
