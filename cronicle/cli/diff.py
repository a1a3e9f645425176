"""`cronicle diff`: two runs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cronicle.cli.options import (
    EnvironmentOption,
    FilesOption,
    JsonOption,
    ProjectOption,
    SeriesOption,
    StoreOption,
)

if TYPE_CHECKING:
    from cronicle.operations.addresses import TaskPlace
    from cronicle.store.reading import StoreReader

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def diff(
    old: Annotated[str, typer.Argument(metavar="RUN[/TASK]", help="The first run, or a task of it.")],
    new: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN[/TASK]]",
            help="The second; without it the one that was named is compared with the last success before it.",
        ),
    ] = None,
    stat: Annotated[
        bool, typer.Option("--stat", help="List the files that they used, with how many lines differ.")
    ] = False,
    patch: Annotated[bool, typer.Option("--patch", "-p", help="Show these lines.")] = False,
    logs: Annotated[bool, typer.Option("--logs", help="Compare the logs of the last attempts.")] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit code 1 unless they have come to the same.")
    ] = False,
    series: SeriesOption = None,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> int:
    """What differs between two runs: revision and files, parameters, tasks, outcomes; what is the same in a line."""
    from cronicle.cli.session import open_session
    from cronicle.errors import ExitCode
    from cronicle.operations.compare_files import revision_difference, sides_using, used_files
    from cronicle.operations.compare_logs import log_differences
    from cronicle.operations.compare_runs import compare_places, masks_of, places_to_compare

    session = open_session(store, environment, files, project)
    with session.reader() as reader:
        book, folder = session.addresses(reader, series), session.files
        named = book.task(old)
        if new is None:
            places = places_to_compare(_success_before(reader, named), named)
        else:
            places = places_to_compare(named, book.task(new))
        compared = compare_places(reader, folder, places)
        masks = masks_of(compared.old.spec, compared.new.spec)
        revision = revision_difference(folder, places.old.run, places.new.run)
        used = used_files(folder, *sides_using(compared), masks, patch=patch)
        told = tuple(log_differences(reader, folder, compared, masks)) if logs else None
        if json:
            from cronicle.cli.output import print_json
            from cronicle.views.differences import difference_shape

            runs = (places.old.run, places.new.run)
            print_json(difference_shape(*runs, compared.difference, revision, used, told))
        else:
            from cronicle.cli.diff_text import Shown, say_difference

            say_difference(
                Shown(
                    compared=compared,
                    revision=revision,
                    files=used,
                    logs=told,
                    stat=stat,
                    patch=patch,
                    now=session.clock.now(),
                )
            )
    is_same = compared.difference.has_same_outcome
    return ExitCode.FAILED if exit_code and not is_same else ExitCode.GOOD


def _success_before(reader: StoreReader, place: TaskPlace) -> TaskPlace:
    """The last run of the workflow that succeeded before one was made.

    Raises:
        CronicleError: There is none.
    """
    from cronicle.errors import CronicleError
    from cronicle.operations.addresses import TaskPlace
    from cronicle.views.told import last_success

    found = last_success(reader, place.run)
    if found is None:
        raise CronicleError(
            f"{place.run.workflow} had not succeeded before run {place.run.id}",
            f"Name two runs: cronicle diff RUN {place.run.id}",
        )
    return TaskPlace(found)
