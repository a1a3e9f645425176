"""What a workflow's policy says of a new run: whether it must be admitted, and the key of its lock."""

from __future__ import annotations

from attrs import evolve

from cronicle.errors import CronicleError
from cronicle.runs.policy import Policy
from cronicle.runs.spec import Lazy
from cronicle.store.records import RunRecord


def lock_of(run: RunRecord, lock: Lazy) -> str:
    """The value of the `lock` of a run's workflow, as text.

    Raises:
        CronicleError: It cannot be evaluated for this run, or is not a text.
    """
    if "known" in lock:
        return str(lock["known"])
    from cronicle.operations.run_view import view_of_run
    from cronicle.runs.scope import BadReference, InstanceView, RunView, evaluate_open

    view = RunView(
        run=view_of_run(run),
        params=run.params,
        project=run.project,
        environment=run.environment,
        task=lambda _: None,
        task_names=(),
    )
    try:
        value = evaluate_open(lock, view, InstanceView(), "it")
    except BadReference as error:
        raise CronicleError(
            f"the lock of workflow {run.workflow} cannot be evaluated: {error.detail}",
            "Mend the expression, commit and apply it.",
        ) from error
    if not isinstance(value, str | int):
        raise CronicleError(
            f"the lock of workflow {run.workflow} is not a text", "Mend the expression, commit and apply it."
        )
    return str(value)


def under_policy(run: RunRecord, policy: Policy) -> RunRecord:
    """A new run with what its workflow's policy says of it: whether it has to be admitted, and the key of its lock.

    Raises:
        CronicleError: The key cannot be evaluated.
    """
    return evolve(
        run,
        admitted=policy.limits_nothing and run.not_before is None,
        lock=None if policy.lock is None else lock_of(run, policy.lock),
    )
