import { Type } from 'typebox';
import { maxCursorLength } from './limits.ts';

export const cursorOfPage = Type.Optional(
  Type.String({ maxLength: maxCursorLength, description: 'Of the page before.' }),
);

export const nextCursor = Type.Union([Type.String(), Type.Null()], { description: 'null after the last page.' });
