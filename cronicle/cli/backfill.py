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
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="The first day, or instant.")],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="The last day, or instant; included.")],
    revision: Annotated[
        str | None,
        typer.Option("--revision", metavar="REV", help="Use this revision (default: the deployed one)."),
    ] = None,
    missing: Annotated[bool, typer.Option("--missing", help="Only ticks without a result.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Of these only those with a failed run.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="All ticks, whatever their results.")] = False,
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
    from cronicle.cli.backfilling import agrees, deployed_spec, follow_new_backfill, say_plan
    from cronicle.cli.session import open_session
    from cronicle.cli.slots import default_slots
    from cronicle.errors import ExitCode, UsageError
    from cronicle.operations.candidate import find_candidate
    from cronicle.operations.make_backfill import Choice, plan_backfill
    from cronicle.operations.params import param_values
    from cronicle.operations.select import selectors_from
    from cronicle.operations.times import series_of, ticks_of_range

    if missing + failed + everything > 1:
        raise UsageError("--missing, --failed and --all exclude each other")
    choice = (
        Choice.MISSING
        if missing
        else Choice.FAILED
        if failed
        else Choice.ALL
        if everything
        else Choice.CHANGED
    )
    session = open_session(store, environment, files, project, labels=labels)
    with session.store() as opened:
        candidate = find_candidate(
            session.sources(opened), workflow, revision=revision, dirty=False, var=var or ()
        )
        schedules = series_of(candidate.deployed, series)
        if not schedules:
            raise UsageError(f"workflow {workflow!r} has no schedule, so it has no ticks to run for")
        plan = plan_backfill(
            opened,
            candidate,
            ticks_of_range(schedules, first, last, session.clock.now()),
            series=series,
            from_text=first,
            to_text=last,
            choice=choice,
            params=param_values(candidate.spec, param or ()),
            only=selectors_from(only),
            without=selectors_from(without),
            parallel=parallel,
            newest_first=newest_first,
            max_failures=max_failures,
            hooks=hooks,
            deployed=None if candidate.deployment is not None else deployed_spec(session, opened, candidate),
        )
        if dry_run or not plan.ticks:
            say_plan(plan, slots or default_slots(), json=json)
            return ExitCode.GOOD
        if plan.to_confirm and not auto_approve and not agrees(plan):
            return ExitCode.FAILED
        if detach:
            from cronicle.cli.detaching import leave_backfill

            return leave_backfill(session, opened, plan, json=json)
        return follow_new_backfill(session, opened, plan, slots=slots, json=json)
