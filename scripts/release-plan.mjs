/** Prints what a release of this commit consists of, a line `name=value` each, as a step of a workflow hands it on. */
import { root } from './lib/paths.mjs';
import { releasePlan } from './lib/release-plan.mjs';

for (const [name, value] of Object.entries(releasePlan(root))) console.log(`${name}=${value}`);
