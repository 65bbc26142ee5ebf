import { Type } from 'typebox';

const path = Type.String();

export const getRoot = {
  operationId: 'getRoot',
  summary: 'Where to look',
  description:
    'A small page for a browser (`Accept: text/html`), JSON for everybody else. It says nothing that needs a key.',
  tags: ['operations'],
  response: {
    200: {
      description: 'The state, and where the rest is.',
      content: {
        'application/json': {
          schema: Type.Object({
            name: Type.String(),
            version: Type.String(),
            status: Type.String({ description: 'As `/health/ready` says it.' }),
            docs: path,
            board: Type.Optional(Type.String({ description: 'Where the caller may have it.' })),
            openapi: path,
            health: path,
            ready: path,
            metrics: path,
          }),
        },
        'text/html': { schema: Type.String() },
      },
    },
  },
};
