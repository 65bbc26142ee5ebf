import { randomBytes } from 'node:crypto';

/** Eight characters of base64url are 48 bits. */
const TOKEN_CHARACTERS = 8;
const TOKENS_AT_ONCE = 1024;
/** Asking for random bytes costs more than what else a write does, so they are asked for many at a time. */
let randomness = '';
let used = 0;

/** Eight random characters of base64url. */
export function randomToken(): string {
  if (used >= randomness.length) {
    randomness = randomBytes((TOKENS_AT_ONCE * TOKEN_CHARACTERS * 3) / 4).toString('base64url');
    used = 0;
  }
  used += TOKEN_CHARACTERS;
  return randomness.slice(used - TOKEN_CHARACTERS, used);
}
