-- History tied to git: what is stale and what was accepted, experiments, who follows what, whom an act belongs to.

-- Until when a deployment holds (`apply --ttl`), whether it ends its environment, what it was promoted from, who signed
-- its revision.
ALTER TABLE deployment ADD COLUMN expires_at INTEGER;
ALTER TABLE deployment ADD COLUMN ended INTEGER NOT NULL DEFAULT 0 CHECK (ended IN (0, 1));
ALTER TABLE deployment ADD COLUMN promoted_from TEXT;
ALTER TABLE deployment ADD COLUMN signer TEXT;

-- What an isolated run is for (JSON), and whether it has carried something over that its own spec does otherwise.
ALTER TABLE run ADD COLUMN experiment TEXT;
ALTER TABLE run ADD COLUMN mixed INTEGER NOT NULL DEFAULT 0 CHECK (mixed IN (0, 1));
UPDATE run SET mixed = 1
    WHERE reason = 'marked' OR sequence IN (SELECT run FROM task_run WHERE carried_from IS NOT NULL); -- it may be so

-- An experiment takes no logical time: neither does it wait for the live run of that time, nor keep another from it.
DROP INDEX run_live;
CREATE UNIQUE INDEX run_live ON run (project, environment, workflow, instance, series, logical_time)
    WHERE state IN ('queued', 'running') AND experiment IS NULL;

-- By which spec the results were made: counting the stale ones reads these indexes only.
DROP INDEX run_result;
DROP INDEX run_result_of_instance;
CREATE INDEX run_result
    ON run (project, environment, workflow, series, logical_time, ended_event, spec_hash, deployment, mixed)
    WHERE counts = 1 AND state = 'succeeded' AND instance = '';
CREATE INDEX run_result_of_instance
    ON run (project, environment, workflow, instance, series, logical_time, ended_event, spec_hash, deployment, mixed)
    WHERE counts = 1 AND state = 'succeeded' AND instance <> '';

-- So many runs first, the others if these succeed; and which backfill of an upstream comes before.
ALTER TABLE backfill ADD COLUMN canary INTEGER;
ALTER TABLE backfill ADD COLUMN waits_for TEXT;

-- What a tick runs where that is not what its backfill says: another revision, only some tasks (JSON list).
ALTER TABLE backfill_tick ADD COLUMN revision TEXT;
ALTER TABLE backfill_tick ADD COLUMN deployment INTEGER;
ALTER TABLE backfill_tick ADD COLUMN spec_hash TEXT REFERENCES spec (hash);
ALTER TABLE backfill_tick ADD COLUMN tasks TEXT;

-- That a change of what a task does makes no difference to its results.
CREATE TABLE acceptance (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    workflow TEXT NOT NULL,
    instance TEXT NOT NULL,
    task TEXT NOT NULL,
    old TEXT NOT NULL, -- JSON list: what it did, as its fingerprint and what it waits for
    new TEXT NOT NULL, -- what it does
    before INTEGER, -- logical times before it; null for all
    revision TEXT NOT NULL, -- that was deployed, or to be, then
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    revoked_at INTEGER,
    revoked_by TEXT
) STRICT;

CREATE INDEX acceptance_of ON acceptance (project, environment, workflow, instance);

-- Remote branches that environments follow (`serve --follow`): the commit seen last, and what keeps it from being deployed.
CREATE TABLE followed (
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    remote TEXT NOT NULL,
    branch TEXT NOT NULL,
    seen TEXT,
    problem TEXT,
    since INTEGER NOT NULL,
    PRIMARY KEY (project, environment)
) STRICT, WITHOUT ROWID;

ALTER TABLE audit ADD COLUMN project TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN environment TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN workflow TEXT NOT NULL DEFAULT ''; -- with its instance
ALTER TABLE audit ADD COLUMN detail TEXT NOT NULL DEFAULT ''; -- what neither subject nor reason say

CREATE INDEX audit_of_subject ON audit (subject, sequence);
CREATE INDEX audit_of_workflow ON audit (workflow, sequence);

-- REPLACE deletes without asking the trigger that forbids it.
CREATE TRIGGER audit_is_never_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE sequence = NEW.sequence)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
