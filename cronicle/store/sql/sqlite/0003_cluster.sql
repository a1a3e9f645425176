-- What the two backends have in common: leases (which only PostgreSQL uses) and the store's own id.

ALTER TABLE owner ADD COLUMN lease_until INTEGER NOT NULL DEFAULT 0;

CREATE TABLE interruption (
    interrupted_at INTEGER NOT NULL
) STRICT;

INSERT INTO interruption (interrupted_at) VALUES (0);

-- By this a files folder knows which store it belongs to.
CREATE TABLE store (
    id TEXT NOT NULL
) STRICT;

INSERT INTO store (id) VALUES (lower(hex(randomblob(16))));
