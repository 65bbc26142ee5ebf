/** Writes `docs/reference/errors.md`. Run from anywhere: `node --conditions=@holdfast/source apps/api/scripts/error-reference.ts`. */
import { writeFileSync } from 'node:fs';
import { errorCatalogues } from '../src/plugins/errors/error-catalogue.ts';
import { renderErrorReference } from '../src/plugins/errors/error-reference.ts';

writeFileSync(new URL('../../../docs/reference/errors.md', import.meta.url), renderErrorReference(errorCatalogues));
