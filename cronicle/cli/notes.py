"""`cronicle notes`: how the runs of each commit went, where git shows it."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import FilesOption, JsonOption, StoreOption

app = typer.Typer(add_completion=False)


@app.command()
def notes(
    push: Annotated[
        str | None,
        typer.Option("--push", metavar="REMOTE", help="Take in the notes of this remote, and push them."),
    ] = None,
    store: StoreOption = None,
    files: FilesOption = None,
    json: JsonOption = False,
) -> None:
    """Write under each commit where it was deployed and how its runs went, for: git log --notes=cronicle.

    The notes are made anew from the store; what others have written there stays. With `git { notes = true }` in the
    project, `serve` and `apply` write them by and by.
    """
    from cronicle.cli.output import plural, print_json, say
    from cronicle.cli.session import open_session
    from cronicle.git.notes import NOTES
    from cronicle.operations.notes import note_commits
    from cronicle.operations.propose import open_project
    from cronicle.operations.shown import remote_for

    session = open_session(store, None, files)
    repository, _ = open_project(session.where)
    with session.reader() as reader:
        target = session.target(reader)
        sources = session.sources(None)
        deployment = reader.find_deployment(target.project.name, target.environment)
        remote = None if push is None else remote_for(sources, repository, push, deployment)
        noted = note_commits(reader, repository, target.project.name, sources, remote)
    if json:
        print_json({"ref": NOTES, "commits": noted.commits, "changed": noted.changed, "pushed": push})
        return
    said = "nothing has changed" if not noted.changed else f"{plural(noted.changed, 'note')} written"
    say(f"{plural(noted.commits, 'commit')} of {target.project.name} with notes, {said}       {NOTES}")
    if push is not None:
        say(f"  pushed to {push}; others have them by: git fetch {push} {NOTES}:{NOTES}")
    say("  see them:  git log --notes=cronicle")
