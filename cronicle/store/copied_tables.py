"""Which tables a copying takes along (`cronicle.store.copying`), with their columns, and which it does not."""

from __future__ import annotations

from attrs import field, frozen

from cronicle.store.relational.connection import Row
from cronicle.values import Value

_OF_A_RUN = "EXISTS (SELECT 1 FROM run WHERE run.sequence = {}.run)"
"""PostgreSQL keeps rows of pruned runs until their partition goes."""

_COPIED_PROGRESS = (
    "name <> 'backup_at' AND NOT (name >= 'copying/' AND name < 'copying0')"
    " AND NOT (name >= 'pruned/' AND name < 'pruned0')"
)


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


@frozen(eq=False, repr=False)
class Table(Value):
    """A table that is copied."""

    name: str
    key: tuple[str, ...] = field(converter=_names)
    """The columns of its key."""
    rest: tuple[str, ...] = field(converter=_names)
    """Its other columns."""
    number: str | None = None
    """The column that the database numbers; those numbers are never given twice."""
    condition: str = ""
    """Which rows belong to the copy; empty for all."""
    is_preset: bool = False
    """True if a new store has its rows already."""

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, those of the key first."""
        return self.key + self.rest

    def key_of(self, row: Row) -> Row:
        """The key of a row."""
        return row[: len(self.key)]


TABLES = (
    Table("project", "name", "root_commit folder path default_environment created_at bound"),
    Table("spec", "hash", "body"),
    Table(
        "deployment",
        "sequence",
        "project environment number revision created_at actor variables workflows rolled_back_to plan moved settings "
        "pins expires_at ended promoted_from signer",
        number="sequence",
    ),
    Table(
        "run",
        "sequence",
        "id project environment workflow instance series logical_time nominal interval_start interval_start_nominal "
        "interval_end timezone state reason cause counts dirty revision deployment backfill backfill_position "
        "retry_of spec_hash params actor owner created_at started_at ended_at ended_event lateness "
        "cancel_requested packed_tasks hooks_open not_before lock admitted assigned_to runs_on "
        "experiment mixed",
        number="sequence",
    ),
    Table("run_event", "run sequence", "type version at body", condition=_OF_A_RUN.format("run_event")),
    Table(
        "task_run",
        "run task key",
        "state reason fingerprint deep_fingerprint carried_from output",
        condition=_OF_A_RUN.format("task_run"),
    ),
    Table(
        "attempt",
        "run task key attempt",
        "token fence host argv started_at ended_at outcome reason detail exit_code signal pid cpu_time peak_memory "
        "log_bytes stdout_size",
        condition=_OF_A_RUN.format("attempt"),
    ),
    Table("product", "run task key path", "size sha256 event"),
    Table(
        "backfill",
        "sequence",
        "id project environment workflow instance series from_text to_text timezone revision deployment spec_hash "
        "params selection choice parallel newest_first max_failures hooks counts state reason total done failed "
        "actor owner created_at ended_at runs_on canary waits_for",
        number="sequence",
    ),
    Table(
        "backfill_tick",
        "backfill position",
        "logical_time nominal interval_start interval_start_nominal interval_end run_id revision deployment "
        "spec_hash tasks",
    ),
    Table("cursor", "project environment workflow instance series", "since position deployment"),
    Table(
        "owed",
        "sequence",
        "project environment workflow instance series deployment after until left",
        number="sequence",
    ),
    Table(
        "dropped",
        "sequence",
        "project environment workflow instance series first last count reason detail recorded_at",
        number="sequence",
    ),
    Table(
        "pause",
        "sequence",
        "project environment workflow instance actor reason paused_at until ended_at",
        number="sequence",
    ),
    Table("control_request", "id", "target verb actor reason requested_at", number="id"),
    Table(
        "acceptance",
        "sequence",
        "project environment workflow instance task old new before revision actor reason accepted_at revoked_at "
        "revoked_by",
        number="sequence",
    ),
    Table("followed", "project environment", "remote branch seen problem since"),
    Table(
        "audit",
        "sequence",
        "at actor act subject reason project environment workflow detail",
        number="sequence",
    ),
    Table("progress", "name", "value", condition=_COPIED_PROGRESS),
    Table("counter", "name", "value", is_preset=True),
)
"""In an order in which what is referred to comes first."""

NOT_COPIED = frozenset({"migration", "store", "owner", "leader", "interruption", "slot", "receipt"})
"""The others; a test compares both lists with the schemas."""
