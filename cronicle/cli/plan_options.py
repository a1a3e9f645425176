"""Which options of `plan` go together."""

from __future__ import annotations

from cronicle.errors import UsageError


def check_plan_options(
    *,
    revision: str | None,
    dirty: bool,
    out: str | None,
    base: str | None,
    offline: bool,
    markdown: bool,
    json: bool,
) -> None:
    """See to it that the options of `plan` fit together.

    Raises:
        UsageError: They do not.
    """
    if dirty and revision is not None:
        raise UsageError("--dirty and --revision exclude each other", "Leave one of them out.")
    if markdown and json:
        raise UsageError("--markdown and --json exclude each other", "Leave one of them out.")
    if offline and base is None:
        raise UsageError(
            "--offline compares two revisions, and --base does not say with which",
            "Name it: cronicle plan --base origin/main --offline   To compare with what is deployed: cronicle plan",
        )
    if base is not None and not offline:
        raise UsageError(
            "--base compares with a revision instead of with what is deployed, and so asks no store",
            f"Say so: cronicle plan --base {base} --offline",
        )
    if out is not None and dirty:
        raise UsageError(
            "--out and --dirty exclude each other: only a commit can be deployed", "Commit the files first."
        )
    if out is not None and offline:
        raise UsageError(
            "--out and --offline exclude each other: what may be applied is compared with what is deployed",
            "Leave out --base and --offline.",
        )
