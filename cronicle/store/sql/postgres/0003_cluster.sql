-- Several processes on several machines: leases, the store's own id, and what became of a commit whose answer was lost.

ALTER TABLE owner ADD COLUMN lease_until BIGINT NOT NULL DEFAULT 0;

-- When somebody last found the database gone, and back: leases that ran out meanwhile last once more.
CREATE TABLE interruption (
    interrupted_at BIGINT NOT NULL
);

INSERT INTO interruption (interrupted_at) VALUES (0);

-- By its id a files folder knows which store it belongs to; the store knows the folder as well, once it has one.
CREATE TABLE store (
    id TEXT COLLATE "C" NOT NULL,
    files TEXT
);

INSERT INTO store (id) VALUES (replace(gen_random_uuid()::text, '-', ''));

-- Each transaction that writes leaves its number here: whoever loses the connection while it commits looks it up.
CREATE TABLE receipt (
    client TEXT COLLATE "C" PRIMARY KEY,
    number BIGINT NOT NULL,
    written_at BIGINT NOT NULL
) WITH (fillfactor = 10);

-- How many attempts a process executes at once that serves, and of which environments; null: it drives only what it was
-- asked for.
ALTER TABLE owner ADD COLUMN slots BIGINT;
ALTER TABLE owner ADD COLUMN scope TEXT NOT NULL DEFAULT '';

-- Whom the leader has given a run that nobody has taken up yet.
ALTER TABLE run ADD COLUMN assigned_to TEXT COLLATE "C";

-- One process leads for each scope: those environments that it and its likes serve.
DROP TABLE leader;
CREATE TABLE leader (
    scope TEXT COLLATE "C" PRIMARY KEY,
    owner TEXT COLLATE "C",
    epoch BIGINT NOT NULL UNIQUE
);

INSERT INTO counter (name, value) VALUES ('leader', 0);
