"""What a command works with: where it runs, the store, the clock, who asks."""

from __future__ import annotations

import getpass
import os
import shlex
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from cronicle.clock import Clock, SystemClock
from cronicle.errors import CronicleError
from cronicle.operations.deployed import Target, find_target
from cronicle.operations.locate import FILES_MARK, Surroundings, look_around
from cronicle.store.url import is_url, shown_url
from cronicle.values import Value

if TYPE_CHECKING:
    from cronicle.operations.addresses import Addresses
    from cronicle.operations.sources import Sources
    from cronicle.store.interface import Store
    from cronicle.store.reading import StoreReader
    from cronicle.store.records import Actor
    from cronicle.views.naming import Naming


@frozen(eq=False, repr=False)
class Session(Value):
    """The surroundings of one command."""

    where: Surroundings
    environment: str | None
    """As asked for with `--environment`."""
    clock: Clock
    project: str | None = None
    """As asked for with `--project`."""
    given_labels: tuple[str, ...] = ()
    """Those of `--label`."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of a process of this machine, with those of the settings file and of `--label`."""
        from cronicle.operations.labels import process_labels

        return process_labels((*self.where.settings.labels, *self.given_labels))

    @property
    def files(self) -> Path:
        """The files folder: with SQLite the folder of the store.

        Raises:
            CronicleError: Neither an option nor a project says.
        """
        if self.where.files is None:
            _ = self.location
            raise CronicleError(
                "this folder is in no project, so it is not known where the files of the store are",
                "Change into a project's folder, or name the files folder with --files, CRONICLE_FILES, or `files` "
                "in the settings file.",
            )
        return self.where.files

    def files_of(self, store: StoreReader) -> Path:
        """The files folder, of which it is certain that it is not another store's."""
        from cronicle.operations.files_folder import check_files

        check_files(self.files, store, self.location)
        return self.files

    @property
    def location(self) -> str:
        """The store that is meant.

        Raises:
            CronicleError: Neither an option nor a project says.
        """
        if self.where.store is None:
            raise CronicleError(
                "this folder is in no project, so there is no store to look at",
                "Change into a project's folder, or name the store: --store PATH",
            )
        return self.where.store

    @contextmanager
    def reader(self) -> Iterator[StoreReader]:
        """The store, for reading; says so where there is none."""
        from cronicle.store.location import open_reader

        store = open_reader(self.location)
        try:
            self._tell_if_copied(store)
            yield store
        finally:
            store.close()

    @contextmanager
    def store(self, *, create: bool = False, patience: float | None = None) -> Iterator[Store]:
        """The store, for writing; made if need be with `create`; `patience` as `open_store` has it."""
        store = self._open(create, patience)
        try:
            self._take_files(store)
            yield store
        finally:
            store.close()

    @contextmanager
    def store_if_there(self) -> Iterator[Store | None]:
        """The store, or None where there is none yet."""
        from cronicle.store.interface import UnknownError
        from cronicle.store.location import open_store

        try:
            store = open_store(self.location, create=False)
        except UnknownError:
            self._check_free()
            yield None
            return
        try:
            self._take_files(store)
            yield store
        finally:
            store.close()

    def must_be_in_project(self) -> None:
        """See to it that there is a project here.

        Raises:
            CronicleError: There is none.
        """
        if self.where.folder is None:
            from cronicle.operations.locate import no_project

            raise no_project()

    def sources(self, store: Store | None, var: Sequence[str] = (), var_files: Sequence[str] = ()) -> Sources:
        """What operations work on."""
        from cronicle.operations.sources import Sources

        actor = self.actor()
        return Sources(
            where=self.where,
            store=store,
            files=self.files,
            clock=self.clock,
            environment=self.environment,
            project=self.project,
            environ=os.environ,
            user=actor.user,
            host=actor.host,
            command=actor.command,
            cwd=current_folder(),
            var=var,
            var_files=var_files,
        )

    def target(self, store: StoreReader) -> Target:
        """The project and environment that the command is about."""
        return find_target(store, self.where, self.environment, self.project)

    def addresses(self, store: StoreReader, series: str | None = None) -> Addresses:
        """What finds the runs and tasks that the user's addresses point at."""
        from cronicle.operations.addresses import Addresses

        return Addresses(store, lambda: self.target(store), series)

    def scope(self, store: StoreReader) -> tuple[str | None, str | None]:
        """What a listing covers: a project and environment; outside any project (None, as asked), the whole store."""
        if self.where.folder is None and self.project is None:
            return None, self.environment
        target = self.target(store)
        return target.project.name, target.environment

    def naming(self, store: StoreReader) -> Naming:
        """How what is listed or told of is named here."""
        from cronicle.views.naming import Naming

        project, _ = self.scope(store)
        is_said = self.where.folder is None or self.project is not None
        return Naming.in_store(store, project, is_said=is_said)

    def place_of(self, store: StoreReader, project: str, environment: str) -> str:
        """Where something lies that an id has found: `weather/local`; nothing if it is what is meant here anyway."""
        try:
            here = self.scope(store)
        except CronicleError:  # nothing is known of this folder; an id needs none
            here = None, None
        return "" if here == (project, environment) else f"{project}/{environment}"

    def actor(self) -> Actor:
        """Who asks, from where, and how."""
        return actor_now()

    def wake_owners(self, store: Store, *owners: str) -> None:
        """Tell these processes of the store, or all, that there is something for them to look at."""
        from cronicle.engine.wake import wake_owner

        to_wake = owners or tuple(owner.id for owner in store.list_owners())
        for owner in to_wake:
            wake_owner(self.files, owner)
        store.wake(to_wake)

    def _open(self, create: bool, patience: float | None) -> Store:
        from cronicle.store.interface import UnknownError
        from cronicle.store.location import open_store

        if create and self.where.files_are_default:
            self._shield_files()
        try:
            return open_store(self.location, create=False, patience=patience)
        except UnknownError:
            if not create:
                raise
        self._check_free()
        return open_store(self.location, create=True, patience=patience)

    def _check_free(self) -> None:
        """See to it that the files folder is not another store's, before there is a store."""
        from cronicle.operations.files_folder import check_free

        check_free(self.files, self.location)

    def _take_files(self, store: Store) -> None:
        """See to it that the files folder is that of the store."""
        if not is_url(self.location) and not (self.files / FILES_MARK).exists():
            return
        from cronicle.operations.files_folder import take_files

        if self.where.files_are_default and not self.files.is_dir():
            self._shield_files()
        take_files(self.files, store, self.location)

    def _shield_files(self) -> None:
        """Keep git from seeing the files folder: excluded, and passed over by `git clean -fdx`."""
        from cronicle.operations.store_folder import shield_from_git

        shield_from_git(self.files, self.where)

    def _tell_if_copied(self, store: StoreReader) -> None:
        """Say of a store that was copied elsewhere that what is read here is past."""
        if is_url(self.location) or not (self.files / FILES_MARK).exists():
            return
        from cronicle.operations.files_folder import was_copied_to

        if there := was_copied_to(store, self.location):
            from cronicle.cli.output import paint, tell, visible_line

            tell(f"{paint('note:', 'yellow')} this store was copied to {visible_line(there)}, which goes on")


def open_session(
    store: str | None = None,
    environment: str | None = None,
    files: str | None = None,
    project: str | None = None,
    *,
    labels: Sequence[str] | None = None,
) -> Session:
    """The session of a command with these options.

    Raises:
        UsageError: The options do not fit together, or a label is none.
    """
    if labels:
        from cronicle.operations.labels import check_asked_labels

        check_asked_labels("--label", labels)
    where = look_around(current_folder(), os.environ, store, files)
    return Session(where, environment, SystemClock(), project, tuple(labels or ()))


def actor_now() -> Actor:
    """Who gives this command, from where, and how."""
    from cronicle.store.records import Actor

    return Actor(user=user_name(), host=socket.gethostname(), command=command_line(sys.argv[1:]))


def current_folder() -> Path:
    """The folder in which the command was given.

    Raises:
        CronicleError: It is gone.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise CronicleError(
            "the folder in which you are does not exist any more", "Change into one that does: cd"
        ) from None


def user_name() -> str:
    """The name of the user; the number where the system knows no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def command_line(words: list[str]) -> str:
    """The command as it was typed, without the values of variables, and without passwords in URLs."""
    shown = ["cronicle"]
    hide = False
    for word in map(shown_url, words):
        if hide:
            name, equals, _ = word.partition("=")
            shown.append(f"{name}{equals}…" if equals else word)
            hide = False
        elif word.startswith("--var="):
            shown.append(f"--var={word.removeprefix('--var=').partition('=')[0]}=…")
        else:
            shown.append(word)
            hide = word == "--var"
    return shlex.join(shown)
