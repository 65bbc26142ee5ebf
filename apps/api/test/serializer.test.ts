import fastify from 'fastify';
import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { buildSerializer } from '../src/plugins/bodies/serializer.ts';

/** What a route answers by this schema when its handler returns `value`. */
async function answerOf(schema: object, value: unknown): Promise<{ readonly status: number; readonly text: string }> {
  const app = fastify({ schemaController: { compilersFactory: { buildSerializer } } });
  app.get('/', { schema: { response: { 200: schema } } }, async () => value);
  const { statusCode, payload } = await app.inject('/');
  await app.close();
  return { status: statusCode, text: payload };
}

describe('an answer', () => {
  const time = Type.String({ format: 'date-time' });

  it('is sent as it is, where it does not have the format that the contract tells', async () => {
    const schema = Type.Object({ at: time });
    expect(await answerOf(schema, { at: 'a "text"' })).toEqual({ status: 200, text: '{"at":"a \\"text\\""}' });
    expect(await answerOf(schema, { at: 1767225600000 })).toEqual({ status: 200, text: '{"at":"1767225600000"}' });
  });

  it('is no error where one of several forms has a format', async () => {
    const schema = Type.Object({ next: Type.Union([time, Type.Null()]) });
    expect(await answerOf(schema, { next: 'soon' })).toEqual({ status: 200, text: '{"next":"soon"}' });
    expect(await answerOf(schema, { next: null })).toEqual({ status: 200, text: '{"next":null}' });
  });

  it('keeps properties that are called like a keyword', async () => {
    const schema = Type.Object({
      title: Type.String(),
      format: time,
      pattern: Type.Object({ examples: Type.Integer() }),
    });
    const value = { title: 'a', format: 'b', pattern: { examples: 1 } };
    expect(JSON.parse((await answerOf(schema, value)).text)).toEqual(value);
  });

  it('drops what its schema does not name', async () => {
    expect(await answerOf(Type.Object({ at: time }), { at: 'now', secret: 1 })).toEqual({
      status: 200,
      text: '{"at":"now"}',
    });
  });
});
