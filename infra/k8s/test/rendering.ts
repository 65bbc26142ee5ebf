import { hasKubectl } from './manifests.ts';

/** A machine that must not skip this (continuous integration) says so; elsewhere the reason shows in the report. */
export const canRender = hasKubectl || process.env['REQUIRE_KUBECTL'] === 'true';
export const reason = canRender ? '' : ' (skipped: kubectl, which renders it, is not on the PATH)';
