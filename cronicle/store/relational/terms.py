"""Terms of SQL that several statements share, so that each says of a run what the unique keys of the schema say."""

from __future__ import annotations

from collections.abc import Mapping

from cronicle.names import split_instance

OF_SERIES = "project = ? AND environment = ? AND workflow = ? AND instance = ? AND series = ?"
"""Of the row of a run: its columns 1 to 5."""


def of_workflow(workflow: str, *, with_instances: bool = False) -> tuple[str, tuple[str, ...]]:
    """That a row is of a workflow, or of an instance of one, and the values of that term.

    The indexes of instances, and some of workflows without any, are partial: their condition stands in the term.
    `with_instances` takes the rows of all instances of it along.
    """
    name, key = split_instance(workflow)
    if key is not None:
        return "workflow = ? AND instance = ? AND instance <> ''", (name, key)
    return ("workflow = ?" if with_instances else "workflow = ? AND instance = ''"), (name,)


def of_series(
    project: str, environment: str, workflow: str, series: str | None
) -> tuple[str, tuple[str, ...]]:
    """That a run is of a series, and the values of that term."""
    term, named = of_workflow(workflow)
    return (
        f"project = ? AND environment = ? AND {term} AND series = ?",
        (project, environment, *named, series or ""),
    )


def in_scope(scope: Mapping[str, str | None], *, with_instances: bool) -> tuple[list[str], list[str]]:
    """The terms, and their values, of rows of a project, an environment, a workflow; None leaves open."""
    terms: list[str] = []
    values: list[str] = []
    for column, value in scope.items():
        if value is None:
            continue
        term, some = (
            of_workflow(value, with_instances=with_instances)
            if column == "workflow"
            else (f"{column} = ?", (value,))
        )
        terms.append(term)
        values += some
    return terms, values


SAME_TIME = f"{OF_SERIES} AND logical_time = ?"
"""Of the row of a run: its columns 1 to 6."""

TAKES_TIME = "state IN ('queued', 'running') AND experiment IS NULL"
"""Of a live run that keeps others from its logical time: the condition of the index `run_live`."""

ONCE = "cause IN ('schedule', 'catchup', 'workflow', 'deploy')"
"""`cronicle.runs.states.UNASKED_CAUSES`: the condition of the index `run_tick`."""

LAST_OF_ALL = 1 << 62
"""Greater than every sequence and instant."""
