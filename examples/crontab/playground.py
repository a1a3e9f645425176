"""Makes what the other workflows work on, where it is not there yet: app.sqlite3 and logs/app.log."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

data = Path(os.environ["CRONICLE_DATA"])
with closing(sqlite3.connect(data / "app.sqlite3")) as database, database:
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE IF NOT EXISTS visit (id INTEGER PRIMARY KEY, page TEXT NOT NULL)")
    if database.execute("SELECT count(*) FROM visit").fetchone() == (0,):
        database.executemany("INSERT INTO visit (page) VALUES (?)", [(f"/page/{n % 7}",) for n in range(1000)])

log = data / "logs" / "app.log"
log.parent.mkdir(exist_ok=True)
if not log.exists():
    log.write_text("GET /page/1 200\n" * 100_000)
