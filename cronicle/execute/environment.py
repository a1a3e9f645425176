"""The environment of an attempt: built, and not inherited wholesale.

Rules, each layer over the one before:

1. From the executing process: `PATH HOME USER LOGNAME SHELL LANG LC_* TMPDIR`, and names that the settings
   list.
2. `TZ` and the `CRONICLE_*` variables of the run and of the attempt. One that has no value is not set, so
   that using it under `sh -u` is an error and not an empty text; `CRONICLE_KEY` alone is empty where there
   is no `for_each`.
3. The `env` of defaults and task; None unsets.
4. `CRONICLE_ATTEMPT_TOKEN`, which nothing may change: by it Cronicle finds what belongs to the attempt.

What is common to the attempts of a run is computed once. What `prepare` blocks execute has an environment of its own
(`preparation_environment`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import attrs

from cronicle.values import Value

PASSED = frozenset({"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TMPDIR"})
PASSED_PREFIX = "LC_"
TOKEN = "CRONICLE_ATTEMPT_TOKEN"  # noqa: S105 - the name of a variable


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RunVariables(Value):
    """What all attempts of a run see. Each field but the first is `CRONICLE_` and its name in capitals."""

    timezone: str
    """IANA name of the run's zone: `TZ`."""
    project: str
    workflow: str
    instance: str
    """The key of the instance of a workflow with `for_each`; empty without."""
    environment: str
    run_id: str
    cause: str
    time: str
    """RFC 3339 with the offset of the run's zone, as are the bounds of the interval."""
    date: str
    """`YYYY-MM-DD`."""
    interval_start: str | None
    """None where the run has no interval."""
    interval_end: str | None
    revision: str | None
    """None for a run of no revision (`exec`)."""
    run_data: str
    data: str
    repository: str | None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AttemptVariables(Value):
    """What one attempt sees, named likewise; `token` is `CRONICLE_ATTEMPT_TOKEN`."""

    task: str
    key: str | None
    attempt: int
    output: str
    summary: str
    scratch: str
    token: str
    fence: int
    source_revision: str | None = None
    """Of the source that its files are from; None for the project's own files."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class PreparationVariables(Value):
    """What a preparation sees beside what is passed on, named likewise."""

    project: str
    prepared: str
    scratch: str
    token: str
    """That of the attempt to which it belongs."""


RUN_NAMES = tuple(
    (field.name, f"CRONICLE_{field.name.upper()}")
    for field in attrs.fields(RunVariables)
    if field.name != "timezone"
)


def run_environment(
    base: Mapping[str, str], pass_names: Collection[str], run: RunVariables
) -> dict[str, str]:
    """The part that all attempts of a run have in common.

    Args:
        base: the environment of the executing process.
        pass_names: further names to take from it (the setting `pass_environment`).
        run: the values of the run.
    """
    environment = _passed(base, pass_names)
    environment["TZ"] = run.timezone
    for field, name in RUN_NAMES:
        value = getattr(run, field)
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    return environment


def _passed(base: Mapping[str, str], pass_names: Collection[str]) -> dict[str, str]:
    wanted = PASSED.union(pass_names)
    return {name: value for name, value in base.items() if name in wanted or name.startswith(PASSED_PREFIX)}


def preparation_environment(
    base: Mapping[str, str],
    pass_names: Collection[str],
    made: PreparationVariables,
    env: Mapping[str, str | None],
) -> dict[str, str]:
    """The complete environment of what makes something that tasks share.

    It has nothing of the run or task that happens to be the first to need it: what is made is the same for all.

    Args:
        base: the environment of the executing process.
        pass_names: further names to take from it (the setting `pass_environment`).
        made: the values of the preparation.
        env: that of its block; None unsets.
    """
    environment = {
        **_passed(base, pass_names),
        "TZ": "UTC",
        "CRONICLE_PROJECT": made.project,
        "CRONICLE_PREPARED": made.prepared,
        "CRONICLE_SCRATCH": made.scratch,
    }
    return _with_env(environment, env, made.token)


def _with_env(environment: dict[str, str], env: Mapping[str, str | None], token: str) -> dict[str, str]:
    for name, value in env.items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    environment[TOKEN] = token
    return environment


def attempt_environment(
    common: Mapping[str, str], attempt: AttemptVariables, env: Mapping[str, str | None]
) -> dict[str, str]:
    """The complete environment of one attempt.

    Args:
        common: what `run_environment` gave for its run.
        attempt: the values of the attempt.
        env: those of the defaults and the task; None unsets.
    """
    environment = {
        **common,
        "CRONICLE_TASK": attempt.task,
        "CRONICLE_KEY": attempt.key or "",
        "CRONICLE_ATTEMPT": str(attempt.attempt),
        "CRONICLE_OUTPUT": attempt.output,
        "CRONICLE_SUMMARY": attempt.summary,
        "CRONICLE_SCRATCH": attempt.scratch,
        "CRONICLE_FENCE": str(attempt.fence),
    }
    if attempt.source_revision is not None:
        environment["CRONICLE_SOURCE_REVISION"] = attempt.source_revision
    return _with_env(environment, env, attempt.token)
