"""Remote branches that environments follow; see `Store` and `StoreReader` for what each method promises."""

from __future__ import annotations

import msgspec

from cronicle.store.cells import (
    Row,
    columns,
    from_instant,
    marks,
    readable,
    readable_only,
    to_instant,
    to_json,
)
from cronicle.store.following import FollowedRecord, FollowProblem
from cronicle.store.relational.connection import Connection

# ruff: noqa: S608 - statements are put together from constants; values are always bound

_COLUMNS = "project environment remote branch seen problem since"
_FOLLOWED = f"SELECT {columns(_COLUMNS)} FROM followed"
_PROBLEMS = msgspec.json.Decoder(tuple[FollowProblem, ...])


class FollowedReader:
    """What is followed, in a store."""

    _connection: Connection

    def find_followed(self, project: str, environment: str) -> FollowedRecord | None:
        row = self._connection.row(
            f"{_FOLLOWED} WHERE project = ? AND environment = ?", (project, environment)
        )
        return None if row is None else readable(f"what {project} follows", _followed_from, row)

    def list_followed(self) -> tuple[FollowedRecord, ...]:
        found = self._connection.rows(f"{_FOLLOWED} ORDER BY project, environment")
        return readable_only("what is followed by", _followed_from, found)


class FollowedWriter:
    """Notes what is followed, in a store."""

    _connection: Connection

    def put_followed(self, followed: FollowedRecord) -> None:
        with self._connection.write():
            self._connection.execute(
                f"INSERT INTO followed ({columns(_COLUMNS)}) VALUES ({marks(_COLUMNS)})"
                " ON CONFLICT (project, environment) DO UPDATE SET remote = excluded.remote,"
                " branch = excluded.branch, seen = excluded.seen, problem = excluded.problem,"
                " since = excluded.since",
                _followed_row(followed),
            )

    def remove_followed(self, project: str, environment: str) -> None:
        with self._connection.write():
            self._connection.execute(
                "DELETE FROM followed WHERE project = ? AND environment = ?", (project, environment)
            )


def _followed_from(row: Row) -> FollowedRecord:
    project, environment, remote, branch, seen, problem, since = row
    return FollowedRecord(
        project=project,
        environment=environment,
        remote=remote,
        branch=branch,
        seen=seen,
        problems=() if problem is None else _PROBLEMS.decode(problem),
        since=from_instant(since),
    )


def _followed_row(followed: FollowedRecord) -> Row:
    return (
        followed.project,
        followed.environment,
        followed.remote,
        followed.branch,
        followed.seen,
        to_json(followed.problems) if followed.problems else None,
        to_instant(followed.since),
    )
