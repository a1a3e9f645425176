-- What the scheduler knows: how far each series of ticks is settled, what is owed, what made no run, and who leads.

ALTER TABLE deployment ADD COLUMN moved TEXT NOT NULL DEFAULT '[]';
ALTER TABLE deployment ADD COLUMN settings TEXT NOT NULL DEFAULT 'null';

ALTER TABLE run ADD COLUMN not_before INTEGER;
ALTER TABLE run ADD COLUMN lock TEXT;
ALTER TABLE run ADD COLUMN admitted INTEGER NOT NULL DEFAULT 1 CHECK (admitted IN (0, 1));

-- One run for each tick, also for those that another workflow's run or a deployment makes.
DROP INDEX run_tick;
CREATE UNIQUE INDEX run_tick ON run (project, environment, workflow, instance, series, logical_time)
    WHERE cause IN ('schedule', 'catchup', 'workflow', 'deploy');
CREATE INDEX run_live_of_workflow ON run (project, environment, workflow, instance)
    WHERE state IN ('queued', 'running');
CREATE INDEX run_waiting ON run (owner, logical_time) WHERE admitted = 0 AND state = 'queued';
CREATE INDEX run_locked ON run (lock)
    WHERE lock IS NOT NULL AND admitted = 1 AND state IN ('queued', 'running');
CREATE INDEX run_unowned ON run (created_at) WHERE owner IS NULL AND state IN ('queued', 'running');
CREATE INDEX run_ended ON run (ended_event) WHERE ended_event IS NOT NULL AND counts = 1;

CREATE TABLE cursor (
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    workflow TEXT NOT NULL,
    instance TEXT NOT NULL,
    series TEXT NOT NULL,
    since INTEGER NOT NULL,
    position INTEGER NOT NULL,
    deployment INTEGER NOT NULL,
    PRIMARY KEY (project, environment, workflow, instance, series)
) STRICT, WITHOUT ROWID;

CREATE TABLE owed (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    workflow TEXT NOT NULL,
    instance TEXT NOT NULL,
    series TEXT NOT NULL,
    deployment INTEGER NOT NULL,
    after INTEGER NOT NULL,
    until INTEGER NOT NULL,
    left INTEGER NOT NULL
) STRICT;

CREATE INDEX owed_by ON owed (project, environment, workflow, instance, series);

CREATE TABLE dropped (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    workflow TEXT NOT NULL,
    instance TEXT NOT NULL,
    series TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    count INTEGER NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    recorded_at INTEGER NOT NULL
) STRICT;

CREATE INDEX dropped_of ON dropped (project, environment, workflow, instance, series, last);

CREATE TABLE pause (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    workflow TEXT NOT NULL, -- '' is all of the environment
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    paused_at INTEGER NOT NULL,
    until INTEGER,
    ended_at INTEGER
) STRICT;

CREATE INDEX pause_of ON pause (project, environment, workflow);

-- One row: who leads the ticking.
CREATE TABLE leader (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    owner TEXT,
    epoch INTEGER NOT NULL
) STRICT;

INSERT INTO leader (id, owner, epoch) VALUES (1, NULL, 0);

-- What the scheduler has taken up: a number by name (an event up to which ends were looked at, a deployment).
CREATE TABLE progress (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What retention asks of a run before it goes: who was carried over from it, who retries it.
CREATE INDEX task_run_carried ON task_run (carried_from) WHERE carried_from IS NOT NULL;
CREATE INDEX run_retry ON run (retry_of) WHERE retry_of IS NOT NULL;

-- An attempt may hold two things: its lock, which is a pool of one slot named `lock/KEY`, and slots of its pool.
CREATE TABLE slot_of_pool (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, -- age
    run INTEGER NOT NULL REFERENCES run (sequence),
    task TEXT NOT NULL,
    key TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    owner TEXT NOT NULL,
    pool TEXT NOT NULL,
    slots INTEGER NOT NULL CHECK (slots > 0),
    priority INTEGER NOT NULL,
    requested_at INTEGER NOT NULL,
    granted INTEGER NOT NULL CHECK (granted IN (0, 1)),
    started INTEGER NOT NULL CHECK (started IN (0, 1)), -- its attempt has
    UNIQUE (run, task, key, attempt, pool)
) STRICT;

INSERT INTO slot_of_pool SELECT * FROM slot;
DROP TABLE slot;
ALTER TABLE slot_of_pool RENAME TO slot;

CREATE INDEX slot_waiting ON slot (pool, priority DESC, requested_at, sequence) WHERE granted = 0;
CREATE INDEX slot_granted ON slot (pool, slots) WHERE granted = 1;
CREATE INDEX slot_owned ON slot (owner);
