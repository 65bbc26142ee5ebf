import { Type } from 'typebox';
import { jsonResponse, problems, strictObject } from './schema.ts';

const type = Type.String({ description: 'A declared entity type.', examples: ['creator'] });

export const invalidateEntity = {
  operationId: 'invalidateEntity',
  summary: 'Invalidate a thing and what depends on it',
  description:
    'Its entries in the namespaces of its type, entries tagged `<type>:<id>`, and what the declared graph takes along: each once.',
  tags: ['cache'],
  params: strictObject({ type, id: Type.String({ description: '1 to 190 bytes.', examples: ['7'] }) }),
  response: {
    200: jsonResponse(
      'Done.',
      Type.Object({
        invalidated: Type.Array(Type.Object({ type, id: Type.String() }), {
          description: 'The thing, and those that fields of entries named.',
        }),
        tagged: Type.Array(Type.Object({ type, tag: Type.String() }), {
          description: 'Besides, the entries of a type that carry a tag; they need not be known one by one.',
        }),
      }),
    ),
    ...problems(404, 415, 422),
  },
};
