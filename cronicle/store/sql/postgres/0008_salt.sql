-- What hashes of sensitive values are keyed with: it is known to the store only, so that nobody can guess them.

ALTER TABLE store ADD COLUMN salt TEXT COLLATE "C" NOT NULL DEFAULT '';

UPDATE store SET salt = replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
