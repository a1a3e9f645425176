-- What hashes of sensitive values are keyed with: it is known to the store only, so that nobody can guess them.

ALTER TABLE store ADD COLUMN salt TEXT NOT NULL DEFAULT '';

UPDATE store SET salt = lower(hex(randomblob(32)));
