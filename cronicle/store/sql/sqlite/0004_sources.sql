-- What the sources of a deployment were pinned to: repositories that its tasks take code from.

ALTER TABLE deployment ADD COLUMN pins TEXT NOT NULL DEFAULT '[]';
