/** Imported in each thread of a handler before the handler: what a thread resolves, the hooks of others do not see. */
import { sharePackages } from './shared-packages.ts';

sharePackages();
