-- Files that task runs have made (`produces`), as they were when each succeeded.

CREATE TABLE product (
    run INTEGER NOT NULL REFERENCES run (sequence),
    task TEXT NOT NULL,
    key TEXT NOT NULL,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    event INTEGER NOT NULL,
    PRIMARY KEY (run, task, key, path)
) STRICT, WITHOUT ROWID;

CREATE INDEX product_path ON product (path, event);
