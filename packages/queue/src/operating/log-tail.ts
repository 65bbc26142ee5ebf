import type { QueueHandle } from '../port/backend.ts';
import { maxLogLines } from '../job/limits.ts';

const pageLines = 200;
/** So many of the lines that were seen last are looked for once the log is full and only its end moves. */
const rememberedLines = 5;

/** The lines that come to a job's log. BullMQ has no event for them, so the log is asked for. */
export class LogTail {
  readonly #handle: QueueHandle;
  readonly #id: string;
  readonly #seen: string[] = [];
  #lines: number;

  /** @param lines how many were seen already */
  constructor(handle: QueueHandle, id: string, lines: number) {
    this.#handle = handle;
    this.#id = id;
    this.#lines = lines;
  }

  /** Seen so far, as far as the log is kept. */
  get lines(): number {
    return this.#lines;
  }

  /** What is new, the oldest first. @throws QueueUnavailableError */
  async *newLines(): AsyncGenerator<string> {
    for (;;) {
      const { logs, count } = await this.#page(this.#lines, this.#lines + pageLines - 1);
      // Somebody cleared the log, or the job is gone.
      if (count < this.#lines) this.#lines = 0;
      if (count === 0) return;
      const fresh = logs.length === 0 && count >= maxLogLines ? await this.#fromFullLog() : logs;
      for (const line of fresh) {
        this.#lines = Math.min(this.#lines + 1, maxLogLines);
        this.#seen.push(line);
        if (this.#seen.length > rememberedLines) this.#seen.shift();
        yield line;
      }
      if (logs.length < pageLines) return;
    }
  }

  /** A full log keeps its length while lines leave at its beginning: what is new is behind what was seen last. */
  async #fromFullLog(): Promise<string[]> {
    const { logs } = await this.#page(-pageLines, -1);
    if (this.#seen.length === 0) {
      // Nothing to compare with yet: only what comes from now on is new.
      this.#seen.push(...logs.slice(-rememberedLines));
      return [];
    }
    for (let end = logs.length; end >= this.#seen.length; end -= 1) {
      if (this.#seen.every((line, at) => logs[end - this.#seen.length + at] === line)) return logs.slice(end);
    }
    return logs;
  }

  async #page(from: number, to: number): Promise<{ readonly logs: string[]; readonly count: number }> {
    return this.#handle.call((queue) => queue.getJobLogs(this.#id, from, to));
  }
}
