-- What the two backends have in common: leases (which only PostgreSQL uses) and the store's own id.

ALTER TABLE owner ADD COLUMN lease_until INTEGER NOT NULL DEFAULT 0;

CREATE TABLE interruption (
    interrupted_at INTEGER NOT NULL,
    timeline INTEGER NOT NULL
) STRICT;

INSERT INTO interruption (interrupted_at, timeline) VALUES (0, 0);

-- By its id a files folder knows which store it belongs to; the store knows the folder as well, once it has one.
CREATE TABLE store (
    id TEXT NOT NULL,
    files TEXT
) STRICT;

INSERT INTO store (id) VALUES (lower(hex(randomblob(16))));

-- How many attempts a process executes at once that serves, and of which environments; null: it drives only what it was
-- asked for.
ALTER TABLE owner ADD COLUMN slots INTEGER;
ALTER TABLE owner ADD COLUMN scope TEXT NOT NULL DEFAULT '';

-- Whom the leader has given a run that nobody has taken up yet.
ALTER TABLE run ADD COLUMN assigned_to TEXT;

-- One process leads for each scope: those environments that it and its likes serve.
DROP TABLE leader;
CREATE TABLE leader (
    scope TEXT PRIMARY KEY,
    owner TEXT,
    epoch INTEGER NOT NULL UNIQUE
) STRICT;

INSERT INTO counter (name, value) VALUES ('leader', 0);
