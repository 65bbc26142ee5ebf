import type { Page } from '../documents/pages.ts';

/** What a page tells its readers to install, command by command: `npm install [--save-dev] NAME…`, in a block or a sentence. */
export function installLines({ text }: Page): string[][] {
  const commands = text.matchAll(/(?:^|`)npm install ((?:--save-dev )?(?:@?[a-z][\w./-]*)(?: @?[a-z][\w./-]*)*)/gm);
  return [...commands].map(([, names = '']) => names.split(' ').filter((name) => name !== '--save-dev'));
}
