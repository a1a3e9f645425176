-- Files that task runs have made (`produces`), as they were when each succeeded. Few runs have some, so that they are in
-- no partitions, and go with their runs.

CREATE TABLE product (
    run BIGINT NOT NULL,
    task TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    event BIGINT NOT NULL,
    PRIMARY KEY (run, task, key, path)
);

CREATE INDEX product_path ON product USING hash (path);
