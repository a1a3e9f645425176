"""`cronicle backfill`: runs for a range of logical times, followed until they end."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import (
    EnvironmentOption,
    FilesOption,
    JsonOption,
    LabelOption,
    ProjectOption,
    StoreOption,
    WorkflowArgument,
)

app = typer.Typer(add_completion=False)


@app.command()
def backfill(
    workflow: WorkflowArgument,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="The first day, or instant.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="The last day, or instant; included.")
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option("--revision", metavar="REV", help="Use this revision (default: the deployed one)."),
    ] = None,
    as_deployed: Annotated[
        bool, typer.Option("--as-deployed", help="For each tick the revision that was deployed then.")
    ] = False,
    missing: Annotated[bool, typer.Option("--missing", help="Only ticks without a result.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Of these only those with a failed run.")] = False,
    stale: Annotated[
        bool,
        typer.Option("--stale", help="Make the stale tasks of results anew; without a range those of all."),
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="All ticks, whatever their results.")] = False,
    canary: Annotated[
        int | None,
        typer.Option(
            "--canary", min=1, metavar="N", help="The others wait until the first N have succeeded."
        ),
    ] = None,
    downstream: Annotated[
        bool, typer.Option("--downstream", help="Then also the workflows that follow (after, requires).")
    ] = False,
    parallel: Annotated[
        int | None, typer.Option("--parallel", min=1, help="Runs at once (default: the slots).")
    ] = None,
    newest_first: Annotated[bool, typer.Option("--newest-first", help="The latest tick first.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="SELECTOR", help="Only these tasks; `-` reads a list from stdin."),
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option("--except", metavar="SELECTOR", help="Not these tasks.")
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="A parameter.")
    ] = None,
    var: Annotated[
        list[str] | None, typer.Option("--var", metavar="NAME=VALUE", help="With --revision: a variable.")
    ] = None,
    max_failures: Annotated[
        int, typer.Option("--max-failures", min=1, help="Pause after so many failed runs.")
    ] = 10,
    hooks: Annotated[bool, typer.Option("--hooks", help="Tell the workflow's hooks, too.")] = False,
    series: Annotated[
        str | None, typer.Option("--series", metavar="NAME", help="Of several schedules this.")
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Leave it to the process that serves, and do not follow it.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run.")] = False,
    auto_approve: Annotated[
        bool, typer.Option("--auto-approve", help='Do not ask what `rerun = "confirm"` asks.')
    ] = False,
    slots: Annotated[
        int | None, typer.Option("--slots", min=1, help="Attempts at once (default: the cores).")
    ] = None,
    labels: LabelOption = None,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> int:
    """Run a workflow for every tick of a range of dates; repeating it runs what is not done yet."""
    from cronicle.cli.backfill_plan import agree, say_plans
    from cronicle.cli.session import open_session
    from cronicle.cli.slots import default_slots
    from cronicle.errors import ExitCode, UsageError
    from cronicle.operations.make_backfill import Choice
    from cronicle.operations.plan_backfill import BackfillWish
    from cronicle.operations.plan_backfills import plan_backfills
    from cronicle.operations.select import selectors_from

    chosen = [
        choice
        for choice, is_chosen in (
            (Choice.MISSING, missing),
            (Choice.FAILED, failed),
            (Choice.STALE, stale),
            (Choice.ALL, everything),
        )
        if is_chosen
    ]
    if len(chosen) > 1:
        raise UsageError(
            "--missing, --failed, --stale and --all exclude each other", "Each takes other ticks: choose one."
        )
    if as_deployed and revision is not None:
        raise UsageError(
            "--as-deployed and --revision exclude each other",
            "The one runs for each tick what was deployed then, the other one revision for all.",
        )
    if (first is None or last is None) and not (stale and first is last is None):
        raise UsageError(
            "a backfill needs its first and its last day, or instant",
            "Give both, for example: --from 2026-01-01 --to 2026-01-31"
            + ("   or none, for all stale results." if stale else ""),
        )
    if stale:
        for option, is_given, why in (
            ("--as-deployed", as_deployed, "what is stale is made anew at the deployed revision"),
            ("--revision", revision is not None, "what is stale is made anew at the deployed revision"),
            ("--param", bool(param), "each result is made anew with its own parameters"),
            ("--downstream", downstream, "what follows may have stale results of its own"),
        ):
            if is_given:
                raise UsageError(
                    f"--stale and {option} exclude each other: {why}", f"Leave out --stale, or {option}."
                )
    session = open_session(store, environment, files, project, labels=labels)
    with session.store() as opened:
        found = plan_backfills(
            session.sources(opened),
            workflow,
            BackfillWish(
                series=series,
                from_text=first or "",
                to_text=last or "",
                choice=chosen[0] if chosen else Choice.CHANGED,
                params=param or (),
                only=selectors_from(only),
                without=selectors_from(without),
                parallel=parallel,
                newest_first=newest_first,
                max_failures=max_failures,
                hooks=hooks,
                canary=canary,
            ),
            revision=revision,
            var=var or (),
            as_deployed=as_deployed,
            downstream=downstream,
        )
        if dry_run or not found.to_make:
            say_plans(found, slots or default_slots(), json=json)
            return ExitCode.GOOD
        if not auto_approve and not agree(found):
            return ExitCode.FAILED
        if detach:
            from cronicle.cli.detaching import leave_backfills

            return leave_backfills(session, opened, found.to_make, json=json)
        from cronicle.cli.backfilling import follow_new_backfills

        return follow_new_backfills(session, opened, found.to_make, slots=slots, json=json)
