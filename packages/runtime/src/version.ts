import { readFileSync } from 'node:fs';

/** Of this package; its `package.json` lies above `src` and `dist` alike. */
export const version: string = readVersion();

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
