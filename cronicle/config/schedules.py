"""`schedule` blocks: from text to the rules that make ticks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import islice

from attrs import frozen

from cronicle.config.named import CALENDAR, read_name
from cronicle.config.project import Json, Param
from cronicle.config.reading import Reader, attribute_of, place_text
from cronicle.config.validations import check_value
from cronicle.errors import CronicleError
from cronicle.names import is_name
from cronicle.schedule.calendars import Calendar
from cronicle.schedule.cron import parse_cron
from cronicle.schedule.rule import Catchup, Schedule
from cronicle.schedule.text import parse_duration, parse_time
from cronicle.schedule.ticks import ticks_between
from cronicle.schedule.zones import EARLIEST, LATEST, zone_named
from grammar.diagnostics import register
from grammar.suggest import did_you_mean
from grammar.syntax import Attribute, Block, Body
from grammar.types import ANY, STRING, ListType, Type
from grammar.values import ConversionError, HclMap, Value, convert, to_json

register(
    {
        "no-tick": "A schedule never makes a tick.",
        "missing-parameter": "A schedule makes runs that lack a parameter.",
    }
)


@frozen(kw_only=True)
class Declared:
    """What the schedules of a workflow may refer to."""

    timezone: str
    """The zone of those that name none."""
    seed: str
    """What an `H` in an expression hashes."""
    calendars: Mapping[str, Calendar]
    params: Mapping[str, tuple[Param, Type]]
    """The workflow's parameters."""


def read_schedules(reader: Reader, blocks: Iterable[Block], declared: Declared) -> tuple[Schedule, ...]:
    """The schedules of a workflow.

    Args:
        reader: Reads in the workflow.
        blocks: Its `schedule` blocks.
        declared: What they may refer to.
    """
    found: list[tuple[Schedule, Block]] = []
    for block in blocks:
        inner = reader.inside(block.title)
        name = block.labels[0] if block.labels else None
        twin = next((other for one, other in found if one.name == name is not None), None)
        if name is not None and not is_name(name):
            inner.error(
                "invalid-name",
                f'"{name}" is not a name',
                "A name is made of the letters a to z and A to Z, digits, _ and -, and begins with a letter or _.",
                block.label_spans[0],
            )
        elif twin is not None:
            inner.error(
                "duplicate-name",
                f'schedule "{name}" is declared twice',
                f"It is declared in {place_text(twin.header_span)} already. Rename one of them, or remove it.",
                block.header_span,
            )
        schedule = _schedule(inner, block, name, declared)
        if schedule is not None:
            found.append((schedule, block))
    _check_agreement(reader, found)
    return tuple(schedule for schedule, _ in found)


def _schedule(reader: Reader, block: Block, name: str | None, declared: Declared) -> Schedule | None:
    body = block.body
    zone = read_zone(reader, body, declared.timezone)
    crons = _crons(reader, attribute_of(body, "cron"), declared.seed)
    every = _positive(reader, attribute_of(body, "every"))
    at = _instants(reader, attribute_of(body, "at"), zone)
    on_start = reader.choice(body, "on", ("start",), "") == "start"
    if not any(attribute_of(body, each) for each in ("cron", "every", "at", "on")):
        reader.error(
            "invalid-value",
            "schedule does not say when",
            'Give it cron = "30 4 * * *", every = "15m", at = ["2026-03-08T12:00:00Z"], or on = "start".',
            block.header_span,
        )
        return None
    start = reader.parsed(attribute_of(body, "start"), lambda text: parse_time(text, zone))
    end = reader.parsed(attribute_of(body, "end"), lambda text: parse_time(text, zone))
    if start is not None and end is not None and end <= start:
        attribute = attribute_of(body, "end")
        assert attribute is not None
        reader.invalid(attribute, "end is not after start", "No tick lies between them. Move one of them.")
        end = None
    jitter = reader.parsed(attribute_of(body, "jitter"), parse_duration)
    window = reader.parsed(attribute_of(body, "catchup_window"), parse_duration)
    catchup = reader.choice(body, "catchup", tuple(Catchup), Catchup.NONE)
    params = _params(reader, block, declared.params)
    only, exclude = (
        declared.calendars.get(
            read_name(reader, attribute_of(body, each), CALENDAR, declared.calendars) or ""
        )
        for each in ("only", "exclude")
    )
    if not crons and every is None and not at and not on_start:
        return None  # told above
    schedule = Schedule(
        name=name,
        crons=crons,
        every=every,
        at=at,
        timezone=zone,
        start=start,
        end=end,
        jitter=jitter or timedelta(0),
        catchup=Catchup(catchup),
        catchup_window=timedelta(days=7) if window is None else window,
        enabled=reader.flag(body, "enabled", default=True),
        seed=declared.seed,
        on_start=on_start,
        only=only,
        exclude=exclude,
        params=params,
    )
    _warn_if_idle(reader, block, schedule)
    return schedule


def read_zone(reader: Reader, body: Body, default: str) -> str:
    """The attribute `timezone`, checked to be a zone that there is."""
    attribute = attribute_of(body, "timezone")
    zone = reader.parsed(attribute, lambda text: zone_named(text).key)
    return default if zone is None else zone


def _texts(reader: Reader, attribute: Attribute | None) -> tuple[str, ...]:
    """A string, or a list of them."""
    if attribute is None:
        return ()
    value, is_good = reader.evaluate(attribute.expr)
    if not is_good:
        return ()
    known: Value = reader.known(attribute, STRING if isinstance(value, str) else ListType(STRING))
    if isinstance(known, str):
        return (known,)
    return tuple(str(item) for item in known) if isinstance(known, tuple) else ()


def _crons(reader: Reader, attribute: Attribute | None, seed: str) -> tuple[str, ...]:
    good = []
    for text in _texts(reader, attribute):
        cron = reader.parsed(attribute, lambda text: parse_cron(text, seed), text)
        if cron is not None:
            good.append(text)
    return tuple(good)


def _instants(reader: Reader, attribute: Attribute | None, zone: str) -> tuple[datetime, ...]:
    found = (
        reader.parsed(attribute, lambda text: parse_time(text, zone), text)
        for text in _texts(reader, attribute)
    )
    return tuple(instant for instant in found if instant is not None)


def _positive(reader: Reader, attribute: Attribute | None) -> timedelta | None:
    every = reader.parsed(attribute, parse_duration)
    if attribute is not None and every == timedelta(0):
        reader.invalid(attribute, "every must be longer than nothing", 'Write a duration like "90s" or "1h".')
        return None
    return every


def _params(reader: Reader, block: Block, declared: Mapping[str, tuple[Param, Type]]) -> dict[str, Json]:
    """The parameters that a schedule gives, each of the type that the workflow declares."""
    attribute = attribute_of(block.body, "params")
    value = reader.known(attribute, ANY)
    given: dict[str, Json] = {}
    if attribute is not None and value is not None and not isinstance(value, HclMap):
        reader.invalid(attribute, "params must be a map", "Write params = { NAME = value }.")
        return {}
    for name, each in value.items() if isinstance(value, HclMap) else ():
        if attribute is not None and name not in declared:
            declare = f'Declare it: param "{name}" {{ }}.'
            reader.invalid(attribute, f'unknown parameter "{name}"', did_you_mean(name, declared, declare))
        elif attribute is not None:
            param, type_ = declared[name]
            try:
                converted = convert(each, type_)
                given[name] = to_json(converted)
            except ConversionError as wrong:
                reader.invalid(
                    attribute, f'unsuitable value for parameter "{name}"', f"{wrong}.".capitalize()
                )
                continue
            if param.one_of is not None and given[name] not in param.one_of:
                choices = ", ".join(str(choice) for choice in param.one_of)
                reader.invalid(
                    attribute, f'unsuitable value for parameter "{name}"', f"It is one of: {choices}."
                )
            check_value(reader, "param", name, converted, param.validations, f'parameter "{name}"')
    named = frozenset(value) if isinstance(value, HclMap) else frozenset()
    missing = [name for name, (param, _) in declared.items() if param.required and name not in named]
    if missing and (attribute is None or isinstance(value, HclMap)):
        reader.warning(
            "missing-parameter",
            f"schedule gives no value for parameter {', '.join(missing)}",
            f"It has no default, so that ticks can make no runs. Write params = {{ {missing[0]} = … }}, or give it "
            "a default.",
            block.header_span,
        )
    return given


def _warn_if_idle(reader: Reader, block: Block, schedule: Schedule) -> None:
    """Warn of a schedule without a tick between its bounds; that it has merely ended is fine."""
    if schedule.on_start:
        return
    try:
        ticks = ticks_between(schedule, schedule.start or EARLIEST, schedule.end or LATEST)
        has_tick = any(True for _ in islice(ticks, 1))
    except CronicleError:
        return  # told where it was read
    if has_tick:
        return
    bounds = " between its start and end" if schedule.start or schedule.end else ""
    reader.warning(
        "no-tick",
        f"schedule has no tick{bounds}",
        "It will never make a run. Check the expression and the bounds with `cronicle next`.",
        block.header_span,
    )


def _check_agreement(reader: Reader, found: list[tuple[Schedule, Block]]) -> None:
    """The unlabelled schedules are one series, of which `catchup` is one property."""
    series = [(schedule, block) for schedule, block in found if schedule.name is None]
    for schedule, block in series[1:]:
        first, first_block = series[0]
        if schedule.catchup is not first.catchup:
            attribute = attribute_of(block.body, "catchup") or attribute_of(first_block.body, "catchup")
            reader.error(
                "invalid-value",
                "schedules of one series disagree on catchup",
                f'The unlabelled schedules are one series. One says "{first.catchup}" '
                f'({place_text(first_block.header_span)}), this one "{schedule.catchup}". '
                'Make them equal, or give one a label: schedule "NAME".',
                attribute.span if attribute else block.header_span,
            )
