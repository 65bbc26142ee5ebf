import type { Static } from 'typebox';
import { Type } from 'typebox';
import { answer } from './answers.ts';
import { problems } from './problems.ts';
import { strictObject } from './requests.ts';

const type = Type.String({ description: 'A declared entity type.', examples: ['creator'] });

export const EntityInvalidation = Type.Object(
  {
    invalidated: Type.Array(Type.Object({ type, id: Type.String() }), {
      description: 'The thing, and those that fields of entries named.',
    }),
    tagged: Type.Array(Type.Object({ type, tag: Type.String() }), {
      description: 'Besides, the entries of a type that carry a tag; they need not be known one by one.',
    }),
  },
  { title: 'EntityInvalidation' },
);
export type EntityInvalidation = Static<typeof EntityInvalidation>;

export const invalidateEntity = {
  operationId: 'invalidateEntity',
  summary: 'Invalidate a thing and what depends on it',
  description:
    'Its entries in the namespaces of its type, entries tagged `<type>:<id>`, and what the declared graph takes along: each once.',
  tags: ['cache'],
  params: strictObject({ type, id: Type.String({ description: '1 to 190 bytes.', examples: ['7'] }) }),
  response: {
    200: answer('Done.', EntityInvalidation, {
      invalidated: [{ type: 'creator', id: '7' }],
      tagged: [{ type: 'prompt', tag: 'creator:7' }],
    }),
    ...problems(
      'KEY_INVALID',
      'NAMESPACE_FORBIDDEN',
      'ENTITY_UNKNOWN',
      'UNSUPPORTED_MEDIA_TYPE',
      'ENTITY_CASCADE_TOO_LARGE',
      'REDIS_UNAVAILABLE',
    ),
  },
};
