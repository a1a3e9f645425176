-- The first schema. Instants are microseconds since 1970 in UTC; JSON is text.
-- A null that must collide in a unique key is written as '' (instance, series, backfill).
-- The key of a task run is '' for the task as a whole, else `[KEY]`, so that task || key is its address.

CREATE TABLE migration (
    version INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL
) STRICT;

-- Numbers that only grow, whatever is deleted: events (fences are taken from them) and epochs of owners.
CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO counter (name, value) VALUES ('event', 0), ('epoch', 0), ('binding', 0);

CREATE TABLE project (
    name TEXT PRIMARY KEY,
    root_commit TEXT NOT NULL,
    folder TEXT NOT NULL,
    path TEXT NOT NULL,
    default_environment TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    bound INTEGER NOT NULL -- of several projects at a path, the one bound last has the greatest
) STRICT;

CREATE INDEX project_of ON project (root_commit, folder, bound);
CREATE INDEX project_at ON project (path, bound);

CREATE TABLE spec (
    hash TEXT PRIMARY KEY,
    body BLOB NOT NULL
) STRICT;

CREATE TABLE deployment (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL REFERENCES project (name),
    environment TEXT NOT NULL,
    number INTEGER NOT NULL,
    revision TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    variables TEXT NOT NULL,
    workflows TEXT NOT NULL,
    rolled_back_to INTEGER,
    plan TEXT,
    UNIQUE (project, environment, number)
) STRICT;

CREATE INDEX deployment_of_project ON deployment (project);
CREATE INDEX deployment_of_revision ON deployment (project, environment, revision);

CREATE TRIGGER deployment_is_never_edited BEFORE UPDATE ON deployment
BEGIN
    SELECT RAISE(ABORT, 'a deployment is never edited');
END;

CREATE TABLE run (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    workflow TEXT NOT NULL,
    instance TEXT NOT NULL,
    series TEXT NOT NULL,
    logical_time INTEGER NOT NULL,
    nominal TEXT NOT NULL,
    interval_start INTEGER, -- null, as the two below, without a schedule
    interval_start_nominal TEXT,
    interval_end INTEGER,
    timezone TEXT NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'skipped')),
    reason TEXT,
    cause TEXT NOT NULL,
    counts INTEGER NOT NULL CHECK (counts IN (0, 1)),
    dirty INTEGER NOT NULL CHECK (dirty IN (0, 1)),
    revision TEXT NOT NULL,
    deployment INTEGER,
    backfill TEXT NOT NULL,
    backfill_position INTEGER,
    retry_of TEXT,
    spec_hash TEXT NOT NULL REFERENCES spec (hash),
    params TEXT NOT NULL,
    actor TEXT NOT NULL,
    owner TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    ended_event INTEGER, -- sequence of its RunFinished: which run was the last to succeed, whatever the clocks say
    lateness REAL,
    cancel_requested INTEGER NOT NULL CHECK (cancel_requested IN (0, 1)),
    packed_tasks TEXT,
    hooks_open INTEGER NOT NULL DEFAULT 0 -- hooks that are owed and have not ended
) STRICT;

CREATE UNIQUE INDEX run_live ON run (project, environment, workflow, instance, series, logical_time)
    WHERE state IN ('queued', 'running');
CREATE UNIQUE INDEX run_tick ON run (project, environment, workflow, instance, series, logical_time)
    WHERE cause IN ('schedule', 'catchup');
CREATE INDEX run_result ON run (project, environment, workflow, series, logical_time, ended_event)
    WHERE counts = 1 AND state = 'succeeded' AND instance = '';
CREATE INDEX run_failure ON run (project, environment, workflow, series, logical_time)
    WHERE counts = 1 AND state = 'failed' AND instance = '';
CREATE INDEX run_owned ON run (owner) WHERE owner IS NOT NULL AND state IN ('queued', 'running');
CREATE INDEX run_hooks ON run (owner) WHERE hooks_open > 0;

-- Listing, newest first: each page is a walk along one of these. Runs that ended badly are rare and asked for,
-- so they have their own; the live ones are few.
CREATE INDEX run_of_workflow ON run (project, environment, workflow);
CREATE INDEX run_of_environment ON run (project, environment);
CREATE INDEX run_of_project ON run (project);
CREATE INDEX run_at ON run (project, environment, workflow, logical_time);
CREATE INDEX run_of_revision ON run (revision);
CREATE INDEX run_of_backfill ON run (backfill) WHERE backfill <> '';
CREATE INDEX run_bad_of_workflow ON run (state, project, environment, workflow)
    WHERE state IN ('failed', 'cancelled', 'skipped');
CREATE INDEX run_bad_of_environment ON run (state, project, environment)
    WHERE state IN ('failed', 'cancelled', 'skipped');
CREATE INDEX run_bad ON run (state) WHERE state IN ('failed', 'cancelled', 'skipped');
CREATE INDEX run_live_state ON run (state) WHERE state IN ('queued', 'running');

-- The truth about runs; all else that is told of them follows from it.
CREATE TABLE run_event (
    sequence INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run (sequence),
    type TEXT NOT NULL,
    version INTEGER NOT NULL,
    at INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE INDEX run_event_of_run ON run_event (run);

CREATE TABLE task_run (
    run INTEGER NOT NULL REFERENCES run (sequence),
    task TEXT NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    fingerprint TEXT NOT NULL,
    deep_fingerprint TEXT NOT NULL,
    carried_from TEXT,
    output TEXT NOT NULL,
    PRIMARY KEY (run, task, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempt (
    run INTEGER NOT NULL REFERENCES run (sequence),
    task TEXT NOT NULL,
    key TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    token TEXT NOT NULL,
    fence INTEGER NOT NULL,
    host TEXT NOT NULL,
    argv TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    outcome TEXT,
    reason TEXT,
    detail TEXT,
    exit_code INTEGER,
    signal INTEGER,
    pid INTEGER,
    cpu_time REAL,
    peak_memory INTEGER,
    log_bytes INTEGER NOT NULL DEFAULT 0,
    stdout_size INTEGER,
    PRIMARY KEY (run, task, key, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE backfill (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    workflow TEXT NOT NULL,
    series TEXT NOT NULL,
    from_text TEXT NOT NULL,
    to_text TEXT NOT NULL,
    timezone TEXT NOT NULL,
    revision TEXT NOT NULL,
    deployment INTEGER,
    spec_hash TEXT NOT NULL REFERENCES spec (hash),
    params TEXT NOT NULL,
    selection TEXT NOT NULL,
    choice TEXT NOT NULL,
    parallel INTEGER,
    newest_first INTEGER NOT NULL CHECK (newest_first IN (0, 1)),
    max_failures INTEGER NOT NULL,
    hooks INTEGER NOT NULL CHECK (hooks IN (0, 1)),
    counts INTEGER NOT NULL CHECK (counts IN (0, 1)),
    state TEXT NOT NULL CHECK (state IN ('running', 'paused', 'succeeded', 'failed', 'cancelled')),
    reason TEXT,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    actor TEXT NOT NULL,
    owner TEXT,
    created_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT;

CREATE INDEX backfill_unfinished ON backfill (project, environment, workflow)
    WHERE state IN ('running', 'paused');
CREATE INDEX backfill_of_workflow ON backfill (project, environment, workflow);
CREATE INDEX backfill_of_environment ON backfill (project, environment);
CREATE INDEX backfill_of_project ON backfill (project);

CREATE TABLE backfill_tick (
    backfill INTEGER NOT NULL REFERENCES backfill (sequence),
    position INTEGER NOT NULL,
    logical_time INTEGER NOT NULL,
    nominal TEXT NOT NULL,
    interval_start INTEGER NOT NULL,
    interval_start_nominal TEXT NOT NULL,
    interval_end INTEGER NOT NULL,
    run_id TEXT,
    PRIMARY KEY (backfill, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX backfill_tick_pending ON backfill_tick (backfill, position) WHERE run_id IS NULL;

CREATE TABLE owner (
    id TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    command TEXT NOT NULL,
    started_at INTEGER NOT NULL
) STRICT;

CREATE TABLE control_request (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    target TEXT NOT NULL,
    verb TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    requested_at INTEGER NOT NULL
) STRICT;

CREATE INDEX control_request_of ON control_request (target);

CREATE TABLE slot (
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
    UNIQUE (run, task, key, attempt)
) STRICT;

CREATE INDEX slot_waiting ON slot (pool, priority DESC, requested_at, sequence) WHERE granted = 0;
CREATE INDEX slot_granted ON slot (pool, slots) WHERE granted = 1;
CREATE INDEX slot_owned ON slot (owner);

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    act TEXT NOT NULL,
    subject TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;

CREATE TRIGGER audit_is_never_edited BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
