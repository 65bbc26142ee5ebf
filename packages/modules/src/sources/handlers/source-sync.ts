import type { sourceSync } from '@holdfast/jobs';
import { PermanentError, type Handler } from '@holdfast/queue';
import { SourceDisabledError, SourceUnknownError, type Sources, type SyncReport } from '@holdfast/sources';

/** Mirrors one source; the report of the sync is the job's result. */
export function sourceSyncHandler(
  sources: Sources,
  { hasUpstream = true }: { readonly hasUpstream?: boolean } = {},
): Handler<typeof sourceSync> {
  return async (job): Promise<SyncReport> => {
    const mirror = find(sources, job.data.source);
    // A schedule of when there was one goes on.
    if (!hasUpstream) {
      throw new PermanentError('NOVITA_API_BASE_URL is not set.', { code: 'UPSTREAM_NOT_CONFIGURED' });
    }
    // Progress is for whoever watches: it is written when the phase changes, not for each page or batch.
    let phase: string | undefined;
    let written: Promise<void> = Promise.resolve();
    const report = await mirror.sync({
      signal: job.signal,
      onProgress: (progress) => {
        if (progress.phase === phase) return;
        ({ phase } = progress);
        // It must not fail the sync: the store of the queue may be away while that of the cache is not.
        written = job.progress(progress).catch(() => undefined);
      },
    });
    await written;
    return report;
  };
}

function find(sources: Sources, name: string): ReturnType<Sources['get']> {
  try {
    return sources.get(name);
  } catch (error) {
    if (error instanceof SourceUnknownError || error instanceof SourceDisabledError)
      throw new PermanentError(error.message, { code: error.code, cause: error });
    throw error;
  }
}
