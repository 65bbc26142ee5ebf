import { Type } from 'typebox';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { fileSchemaOf, loadConfig, variablesOf, type Config } from '@holdfast/config';
import { boolean, definePart, groups, section, wholeNumber, withDefault } from '@holdfast/config/part';

const shelf = definePart({
  name: 'shelf',
  variables: { SHELF_IS_OPEN: withDefault(groups.service, boolean, 'true', 'Whether anything may be put on it.') },
  file: { shelf: section({ boards: Type.Optional(wholeNumber(1, 9, 'How many boards it has.')) }, 'A shelf.') },
  draft: () => ({ reserved: new Map<string, number>() }),
  read({ values, file, problems, draft }) {
    const boards = file.shelf?.boards ?? 2;
    for (const [name, board] of draft.reserved) {
      if (board > boards) problems.add(`${name}.board`, 'is a board that there is not', `1 to ${boards}`);
    }
    return { isOpen: values.SHELF_IS_OPEN, boards };
  },
});

const books = definePart({
  name: 'books',
  needs: { shelf },
  variables: {},
  file: { books: section({ board: Type.Optional(wholeNumber(1, 99, 'Which board they stand on.')) }, 'Books.') },
  draft({ file, needs }) {
    const board = file.books?.board ?? 1;
    needs.shelf.reserved.set('books', board);
    return { board };
  },
  read({ values, given, warnings, needs, draft }) {
    if (!needs.shelf.isOpen) warnings.push('books are kept, but the shelf is closed');
    return { board: draft.board, freeBoards: needs.shelf.boards - 1, port: given.has('PORT') ? values.PORT : null };
  },
});

const parts = [shelf, books] as const;

function load(env: Readonly<Record<string, string>> = {}, yaml = '{}'): Config<typeof parts> {
  return loadConfig({ env: { HOLDFAST_CONFIG: 'h.yaml', ...env }, cwd: '/app', readFile: () => yaml, parts });
}

describe('a part', () => {
  it('has its settings under its name, with the types of its variables and sections', () => {
    const config = load({ SHELF_IS_OPEN: 'false', PORT: '8080' }, 'shelf: {boards: 4}\nbooks: {board: 3}\n');
    expect(config.shelf).toEqual({ isOpen: false, boards: 4 });
    expect(config.books).toEqual({ board: 3, freeBoards: 3, port: 8080 });
    expect(config.server.port).toBe(8080);
    expectTypeOf(config.shelf).toEqualTypeOf<{ isOpen: boolean; boards: number }>();
    expectTypeOf(config.books.port).toEqualTypeOf<number | null>();
    expectTypeOf(config).not.toHaveProperty('cache');
  });

  it('changes what a part that it needs is still making, and reads what that has become', () => {
    expect(() => load({}, 'books: {board: 3}\n')).toThrow(
      'books.board: is a board that there is not (allowed: 1 to 2)',
    );
    expect(load({ SHELF_IS_OPEN: 'false' }).warnings).toEqual(['books are kept, but the shelf is closed']);
  });

  it('is checked as all of the configuration is, in one report', () => {
    const wrong = (): unknown => load({ SHELF_IS_OPEN: 'maybe', PORT: 'x' }, 'shelf: {bords: 3}\nbocks: {}\n');
    expect(wrong).toThrow('SHELF_IS_OPEN: "maybe" is no boolean (allowed: true, false, 1 or 0)');
    expect(wrong).toThrow('PORT: "x" is no whole number');
    expect(wrong).toThrow('shelf.bords: is unknown; did you mean boards? (allowed: boards)');
    expect(wrong).toThrow('bocks: is unknown; did you mean books? (allowed: server, shelf, books)');
    expect(load({ SHELF_IS_OPN: '1' }).warnings).toEqual([
      'SHELF_IS_OPN is no variable of Holdfast; did you mean SHELF_IS_OPEN?',
    ]);
  });

  it('is not known where it is not in the list', () => {
    const readFile = (): string => 'shelf: {boards: 4}\n';
    expect(() => loadConfig({ env: { HOLDFAST_CONFIG: 'h.yaml' }, cwd: '/app', readFile, parts: [] })).toThrow(
      'shelf: is unknown (allowed: server)',
    );
  });
});

describe('a setting that is added to a part', () => {
  const deeper = definePart({
    name: 'shelf',
    variables: {
      ...shelf.variables,
      SHELF_DEPTH: withDefault(groups.service, boolean, 'false', 'Whether it is deep.', { before: 'PORT' }),
    },
    file: {
      ...shelf.file,
      lamps: section({ count: wholeNumber(0, 9, 'How many lamps it has.') }, 'Lamps.'),
    },
    read: ({ values, file }) => ({ isDeep: values.SHELF_DEPTH, lamps: file.lamps?.count ?? 0 }),
  });

  it('is read, checked, typed and in the reference without a change outside of the part', () => {
    const yaml = 'lamps: {count: 2}\n';
    const env = { HOLDFAST_CONFIG: 'h.yaml', SHELF_DEPTH: 'true' };
    const config = loadConfig({ env, cwd: '/app', readFile: () => yaml, parts: [deeper] });
    expect(config.shelf).toEqual({ isDeep: true, lamps: 2 });
    expectTypeOf(config.shelf.lamps).toEqualTypeOf<number>();
    const names = variablesOf([deeper]).map(([name]) => name);
    expect(names.indexOf('SHELF_DEPTH')).toBe(names.indexOf('PORT') - 1);
    expect(Object.keys(fileSchemaOf([deeper]).properties)).toEqual(['server', 'shelf', 'lamps']);
  });
});

describe('parts that cannot be together', () => {
  const other = definePart({ name: 'other', variables: {}, file: {}, read: () => null });
  const load = (...list: Parameters<typeof loadConfig>[0]['parts']) => loadConfig({ env: {}, cwd: '/', parts: list });

  it.each([
    ['a variable', { ...other, variables: shelf.variables }, 'The variable SHELF_IS_OPEN'],
    ['a section', { ...other, file: shelf.file }, 'The section of holdfast.yaml shelf'],
    ['their name', { ...other, name: 'shelf' }, 'The name shelf'],
  ])('have %s in common, and are refused with both names', (_, part, what) => {
    expect(() => load(shelf, part)).toThrow(
      `${what} belongs to the part shelf already, and to the part ${part.name} as well.`,
    );
  });

  it('take what is of Holdfast itself', () => {
    const { PORT } = Object.fromEntries(variablesOf([]));
    if (PORT === undefined) throw new Error('There is no PORT.');
    const message = 'belongs to Holdfast itself already, and to the part';
    expect(() => load({ ...other, variables: { PORT } })).toThrow(`The variable PORT ${message} other`);
    expect(() => load({ ...other, file: { server: Type.Object({}) } })).toThrow(
      `The section of holdfast.yaml server ${message} other`,
    );
    expect(() => load({ ...other, name: 'redis' })).toThrow(`The name redis ${message} redis`);
  });

  it('stand in an order in which one would not find what it needs', () => {
    expect(() => load(books, shelf)).toThrow(
      'The part books of the configuration needs shelf, which must stand before',
    );
  });
});
