/** What an API key may be good for; `admin` implies all others. */
export const scopes = [
  'cache:read',
  'cache:write',
  'jobs:read',
  'jobs:write',
  'coordination:read',
  'coordination:write',
  'sources:read',
  'sources:write',
  'admin',
] as const;

export type Scope = (typeof scopes)[number];
