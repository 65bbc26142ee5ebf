/** Of the file. A change needs a new one, and what brings an older file up to it. */
export const schemaVersion = 2;
export const schema = `
  CREATE TABLE job (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    id TEXT NOT NULL,
    token TEXT NOT NULL,
    place INTEGER,
    body TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    later_ms INTEGER NOT NULL DEFAULT 0,
    sent_at INTEGER,
    failures INTEGER NOT NULL DEFAULT 0,
    reason TEXT
  ) STRICT;
  CREATE UNIQUE INDEX job_id ON job (queue, id);
  CREATE INDEX job_turn ON job (queue, seq) WHERE reason IS NULL;
`;

/** What makes a file of each earlier version one of the next. */
export const upgrades: Readonly<Record<number, string>> = {
  1: 'ALTER TABLE job ADD COLUMN place INTEGER; ALTER TABLE job ADD COLUMN later_ms INTEGER NOT NULL DEFAULT 0;',
};

export const statements = {
  insert: `INSERT INTO job (queue, id, token, place, body, bytes, accepted_at, later_ms, sent_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (queue, id) DO NOTHING`,
  totals: `SELECT count(*) FILTER (WHERE reason IS NULL) AS waiting, count(reason) AS setAside,
    coalesce(sum(bytes), 0) AS bytes FROM job`,
  queues: 'SELECT queue, count(*) AS waiting FROM job WHERE reason IS NULL GROUP BY queue ORDER BY min(seq)',
  next: 'SELECT * FROM job WHERE queue = ? AND reason IS NULL ORDER BY seq LIMIT ?',
  oldest: 'SELECT accepted_at FROM job WHERE queue = ? AND reason IS NULL ORDER BY seq LIMIT 1',
  find: 'SELECT * FROM job WHERE queue = ? AND id = ?',
  aside: 'SELECT * FROM job WHERE reason IS NOT NULL ORDER BY seq LIMIT ?',
  sent: 'UPDATE job SET sent_at = ? WHERE seq = ? AND sent_at IS NULL',
  notSent: 'UPDATE job SET sent_at = NULL WHERE seq = ?',
  refused: 'UPDATE job SET failures = failures + 1 WHERE seq = ?',
  setAside: 'UPDATE job SET reason = ? WHERE seq = ?',
  takeUpExcept: `UPDATE job SET reason = NULL, failures = 0 WHERE reason IS NOT NULL AND reason->>'code' <> ?`,
  takeUpAll: 'UPDATE job SET reason = NULL, failures = 0, sent_at = NULL WHERE reason IS NOT NULL',
  takeUp: 'UPDATE job SET reason = NULL, failures = 0, sent_at = NULL WHERE seq = ?',
  discard: 'DELETE FROM job WHERE seq = ?',
  discardAll: 'DELETE FROM job WHERE reason IS NOT NULL',
  pages: 'PRAGMA page_count',
  remove: 'DELETE FROM job WHERE seq = ? RETURNING bytes',
} as const;
