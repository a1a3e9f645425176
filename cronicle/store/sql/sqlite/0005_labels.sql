-- Which labels a process has, and which a run or a backfill needs of whoever drives it: sorted JSON lists, null for none.

ALTER TABLE owner ADD COLUMN labels TEXT;
ALTER TABLE run ADD COLUMN runs_on TEXT;
ALTER TABLE backfill ADD COLUMN runs_on TEXT;

CREATE INDEX run_needing ON run (owner, runs_on) WHERE runs_on IS NOT NULL AND state IN ('queued', 'running');
