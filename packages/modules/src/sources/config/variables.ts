import { baseUrl, bearerToken, groups, optional, type VariableGroup } from '@holdfast/config/part';

const before = 'MAX_CONCURRENT_JOBS';
const upstream: VariableGroup = { title: 'Upstream API', before: groups.jobs };

/** Where the collections are that sources mirror. */
export const sourceVariables = {
  NOVITA_API_BASE_URL: optional(upstream, baseUrl, 'The API whose collections are mirrored.', {
    fallbackNote: 'none; outside of production `npm start` brings the sample upstream along',
    example: 'https://api.novita.ai',
    before,
  }),
  NOVITA_API_KEY: optional(upstream, bearerToken, 'Its bearer token.', { secret: true, example: 'change-me', before }),
} as const;
