"""A crontab as a project that does the same: its lines as workflows, and what of them cannot be carried over.

Rules (crontab(5) of cronie and of Debian's cron):

1. A line is empty, a comment, `NAME = value`, or five fields or a nickname and a command; in a system crontab a user
   stands before the command. A setting holds for the lines below it.
2. A command is executed by `SHELL -c` in the home folder. Its first `%` without a backslash begins what it reads on
   its stdin, every further one is a line end.
3. A comment stays where it is; one line of comment right above a command describes it. A line that cannot be carried
   over stays as a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from attrs import define, field, frozen

from cronicle.errors import CronicleError
from cronicle.names import is_name
from cronicle.schedule.cron import parse_cron
from grammar.format import format_file
from grammar.source import SourceFile
from grammar.text import quoted

FILE = "crontab.hcl"
"""Holds the workflows."""

INPUT_FOLDER = "stdin"
"""Holds what commands read."""

DEFAULT_SHELL = "/bin/sh"

NEXT_LINE = "\n"

_SETTING = re.compile(r"""(?P<quote>["']?)(?P<name>[^\s="']+)(?P=quote)\s*=\s*(?P<value>.*)""")
_TIMES = re.compile(r"(?P<times>@\S+|(?:\S+[ \t]+){4}\S+)[ \t]+(?P<rest>.*)")
_TILDE = re.compile(r"(?<![^,\s])(\d*)~(\d*)(?![^,/\s])")
_LEADS_IN = re.compile(r"\bcd\s+[^\s;&|]+\s*(?:&&|;)|\bflock\s+(?:-\S+\s+)*\S+")
"""What stands before the command that matters, with its argument."""
_RUNS_ANOTHER = frozenset(
    {"bash", "chronic", "cd", "command", "dash", "env", "exec", "export", "flock", "ionice", "nice", "nohup"}
    | {"perl", "php", "python", "python3", "ruby", "sh", "sudo", "test", "time", "timeout", "true", "umask"}
)
"""Words that do not say what a command is for."""

_SUFFIX = re.compile(r"\.(?:sh|bash|py|pl|rb|php|js)\Z")


@frozen
class Note:
    """Something about a line of a crontab that its owner is to know."""

    line: int
    text: str


@frozen
class Converted:
    """A crontab as a project."""

    files: Mapping[str, bytes]
    workflows: tuple[str, ...]
    notes: tuple[Note, ...]
    """What was not carried over, or not exactly."""


@frozen(kw_only=True)
class Entry:
    """A line with a command."""

    line: int
    text: str
    times: str
    command: str
    input: str | None
    user: str | None
    settings: Mapping[str, str]


@define
class _Reading:
    """A crontab while it is read."""

    is_system: bool
    notes: list[Note] = field(factory=list)
    settings: dict[str, str] = field(factory=dict)
    parts: list[Entry | str] = field(factory=list)
    """Entries, and the comments and empty lines between them."""

    def note(self, line: int, text: str) -> None:
        self.notes.append(Note(line, text))


def convert(text: str, *, origin: str, project: str, timezone: str, is_system: bool, owner: str) -> Converted:
    """The project that does what a crontab says.

    Args:
        text: The crontab.
        origin: Where it comes from, for a comment.
        project: The project's name.
        timezone: The machine's.
        is_system: Whether a user stands before each command.
        owner: The user as whom the scheduler is going to run.

    Raises:
        CronicleError: It has no line that can be carried over.
    """
    reading = _Reading(is_system)
    for number, line in enumerate(text.splitlines(), 1):
        _read_line(reading, number, line)
    entries = [part for part in reading.parts if isinstance(part, Entry)]
    if not entries:
        raise CronicleError(
            f"{origin} has no line with a command that could become a workflow",
            "It must be a crontab: lines such as `30 2 * * * /usr/local/bin/backup`.",
        )
    zones = {entry.settings.get("CRON_TZ", timezone) for entry in entries}
    zone = zones.pop() if len(zones) == 1 else timezone
    names = _names(entries)
    shared = dict(set.intersection(*({*entry.settings.items()} for entry in entries)))
    shared = {name: value for name, value in entries[0].settings.items() if name in shared}
    files = {"cronicle.hcl": _project(project, zone, origin, shared)}
    texts: list[str] = []
    for part in _described(reading.parts):
        if isinstance(part, str):
            texts.append(part)
            continue
        entry, description = part
        name = names[entry.line]
        if entry.input is not None:
            files[f"{INPUT_FOLDER}/{name}.txt"] = entry.input
        texts.append(_workflow(name, entry, description, zone, owner, shared, reading))
    files[FILE] = re.sub(r"\n{3,}", "\n\n", "\n".join(texts)).strip("\n") + "\n"
    return Converted(
        files={
            path: (_formatted(path, content) if path.endswith(".hcl") else content).encode()
            for path, content in files.items()
        },
        workflows=tuple(names.values()),
        notes=tuple(sorted(reading.notes, key=lambda note: note.line)),
    )


def _formatted(path: str, text: str) -> str:
    return format_file(SourceFile(path, text))[0]


# Reading


def _read_line(reading: _Reading, number: int, line: str) -> None:
    stripped = line.strip()
    if not stripped or stripped.startswith("#"):
        reading.parts.append(stripped)
        return
    if setting := _SETTING.fullmatch(stripped):
        _take_setting(reading, number, setting["name"], _unquoted(setting["value"]), stripped)
        return
    entry = _entry(reading, number, stripped)
    reading.parts.append(f"# {stripped}" if entry is None else entry)


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def _take_setting(reading: _Reading, line: int, name: str, value: str, text: str) -> None:
    reading.settings = {**reading.settings, name: value}
    match name:
        case "MAILTO" if value:
            reading.parts.append(f"# {text}")
            reading.note(
                line,
                "no mail is sent; the output of every run is kept (cronicle logs). To be told of failures, add an "
                "on_failure block to the project in cronicle.hcl",
            )
        case "MAILTO" | "MAILFROM" | "CONTENT_TYPE" | "CONTENT_TRANSFER_ENCODING":
            pass  # they say how mail is sent, and none is
        case "RANDOM_DELAY" if not value.isdigit():
            reading.note(line, f"RANDOM_DELAY = {value} is no number of minutes, and left out")
            del reading.settings[name]


def _entry(reading: _Reading, line: int, text: str) -> Entry | None:
    """The line as an entry; None if it cannot be carried over, which is noted."""
    text = text.removeprefix("-")  # some crons then write nothing to the system's log
    match = _TIMES.fullmatch(text)
    if match is None:
        reading.note(line, "this is no line of a crontab: neither five fields and a command nor NAME = value")
        return None
    times, rest = match["times"], match["rest"]
    user = None
    if reading.is_system:
        user, _, rest = rest.partition(" ") if " " in rest else rest.partition("\t")
        rest = rest.strip()
    if not rest:
        reading.note(line, "there is no command on this line")
        return None
    tilded = _TILDE.sub(_hashed, times)
    if tilded != times:
        reading.note(
            line, f"{times}: cron draws the `~` anew at each start; here it is one time for good, by H"
        )
        times = tilded
    if times.lower() != "@reboot":
        try:
            parse_cron(times)
        except CronicleError as error:
            reading.note(line, error.message)
            return None
    command, given = _split_at_percent(rest)
    return Entry(
        line=line,
        text=text,
        times=" ".join(times.split()),
        command=command,
        input=given,
        user=user,
        settings=reading.settings,
    )


def _hashed(match: re.Match[str]) -> str:
    low, high = match.groups()
    return f"H({low}-{high})" if low and high else "H"


def _split_at_percent(rest: str) -> tuple[str, str | None]:
    """The command, and what it reads."""
    pieces = re.split(r"(?<!\\)%", rest)
    command, *lines = (piece.replace("\\%", "%") for piece in pieces)
    return command.rstrip(), "\n".join(lines) + "\n" if lines else None


def _described(parts: Sequence[Entry | str]) -> Iterator[str | tuple[Entry, str]]:
    """The parts, each entry with the comment that describes it: a single line right above it."""
    for place, part in enumerate(parts):
        if isinstance(part, Entry):
            comment = parts[place - 1] if place else ""
            yield part, _description(comment) if _describes(parts, place - 1) else ""
            yield ""
        elif not _describes(parts, place):
            yield part


def _describes(parts: Sequence[Entry | str], place: int) -> bool:
    """True if the part at a place is a line of comment alone above an entry, and words."""
    if place < 0 or place + 1 >= len(parts):
        return False
    comment, above = parts[place], parts[place - 1] if place else ""
    return (
        isinstance(comment, str)
        and isinstance(parts[place + 1], Entry)
        and not (isinstance(above, str) and above.startswith("#"))
        and bool(_description(comment))
        and _TIMES.fullmatch(_description(comment)) is None
    )


def _description(comment: Entry | str) -> str:
    return comment.lstrip("#").strip() if isinstance(comment, str) and comment.startswith("#") else ""


# Writing


def _project(name: str, zone: str, origin: str, settings: Mapping[str, str]) -> str:
    return f"""# Made of {" ".join(origin.split())} by: cronicle init --from-crontab

project {quoted(name)} {{
  timezone = {quoted(zone)}

  defaults {{
    # As cron does: by the shell, in the home folder.
    interpreter = {_interpreter(settings.get("SHELL") or DEFAULT_SHELL)}{_env(settings)}
  }}
}}
"""


def _interpreter(shell: str) -> str:
    return _list(DEFAULT_SHELL, "-c", f'cd && exec {shell} "$0"')


def _list(*words: str) -> str:
    return f"[{', '.join(map(quoted, words))}]"


def _env(settings: Mapping[str, str]) -> str:
    """The attribute `env` with the variables that commands see; empty if there are none."""
    shown = {name: value for name, value in settings.items() if name not in _NOT_SEEN}
    if not shown:
        return ""
    items = "".join(f"\n{name if is_name(name) else quoted(name)} = {quoted(shown[name])}" for name in shown)
    return f"\n\nenv = {{{items}\n}}"


_NOT_SEEN = frozenset(
    {"SHELL", "MAILTO", "MAILFROM", "CONTENT_TYPE", "CONTENT_TRANSFER_ENCODING", "CRON_TZ", "RANDOM_DELAY"}
)
"""Settings that are for cron itself."""


def _workflow(
    name: str,
    entry: Entry,
    description: str,
    zone: str,
    owner: str,
    shared: Mapping[str, str],
    reading: _Reading,
) -> str:
    schedule = 'on = "start"' if entry.times.lower() == "@reboot" else f"cron = {quoted(entry.times)}"
    if entry.times.lower() == "@reboot":
        reading.note(entry.line, "@reboot: it runs whenever the scheduler starts, not only with the machine")
    settings = entry.settings
    if settings.get("CRON_TZ", zone) != zone:
        schedule += f"\ntimezone = {quoted(settings['CRON_TZ'])}"
    if int(settings.get("RANDOM_DELAY", "0")):
        schedule += f'\njitter = "{settings["RANDOM_DELAY"]}m"'
    user = entry.user if entry.user != owner else None
    if user is not None:
        reading.note(entry.line, f"it runs as {user}, by su: the scheduler must run as root for that")
    shell = settings.get("SHELL") or DEFAULT_SHELL
    if user is not None:  # who could not read the file that a script is put in
        task = [f"command = {_list('su', '-s', shell, '-c', f'cd{NEXT_LINE}{entry.command}', '--', user)}"]
    else:
        task = [f"script = {quoted(entry.command)}"]
        if shell != (shared.get("SHELL") or DEFAULT_SHELL):
            task.append(f"interpreter = {_interpreter(shell)}")
    if entry.input is not None:
        task.append(f"stdin = {quoted(f'{INPUT_FOLDER}/{name}.txt')}")
    own = {name: value for name, value in settings.items() if name not in shared}
    lines = "\n".join(task) + _env(own)
    about = f"description = {quoted(description)}\n\n" if description else ""
    return f"""workflow {quoted(name)} {{
{about}schedule {{
{schedule}
}}

task {quoted(name)} {{
{lines}
}}
}}"""


def _names(entries: Sequence[Entry]) -> dict[int, str]:
    """A name for each entry, by its line: what its command executes."""
    names: dict[int, str] = {}
    for entry in entries:
        base = _name(entry.command)
        name, number = base, 1
        while name in names.values():
            number += 1
            name = f"{base}-{number}"
        names[entry.line] = name
    return names


def _name(command: str) -> str:
    for word in re.split(r"[\s;&|()<>'\"`]+", _LEADS_IN.sub(" ", command)):
        base = _SUFFIX.sub("", word.rstrip("/").rpartition("/")[2])
        plain = re.sub(r"[^A-Za-z0-9_-]+", "-", base).strip("-")
        if is_name(plain) and "=" not in word and "$" not in word and base not in _RUNS_ANOTHER:
            if word.startswith("-") or (word.startswith("/") and word.endswith("/")):
                continue
            return plain
    return "job"
