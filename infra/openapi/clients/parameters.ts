/** What the calls of both clients are about. */
export const ns = { path: { ns: 'prompts' } };
export const entry = { path: { ns: 'prompts', key: 'user:42' } };
export const queue = { path: { q: 'http-delivery' } };
export const job = { path: { q: 'http-delivery', id: 'hook-1' } };
export const schedule = { path: { q: 'http-delivery', id: 'nightly' } };
export const source = { path: { s: 'instances' } };
/** Of a job. */
export const data = { url: 'https://example.com/hook' };
