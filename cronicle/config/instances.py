"""The instances of a `for_each` that is known when the DAG is drawn."""

from __future__ import annotations

from cronicle.runs.scope import MOST_INSTANCES
from grammar.values import HclMap, HclSet, Value, type_name


class UnsuitableInstancesError(ValueError):
    """A value of `for_each` makes no instances; the text says why and how to mend it."""


def instances_of(value: Value) -> dict[str, Value]:
    """Key to value; of a set of strings each with itself.

    Raises:
        UnsuitableInstancesError: It is neither a map nor a set of strings, or too large.
    """
    match value:
        case HclMap():
            found = dict(value)
        case HclSet():
            found = {}
            for element in value:
                if not isinstance(element, str):
                    raise UnsuitableInstancesError(
                        f"The keys of instances are strings, and this set has a {type_name(element)}. "
                        "Write the elements in quotes."
                    )
                found[element] = element
        case tuple():
            raise UnsuitableInstancesError(
                "A list may repeat itself, so for_each takes a set or a map. Write toset(...) around it."
            )
        case None:
            raise UnsuitableInstancesError("It must not be null. For no instances write toset([]).")
        case _:
            raise UnsuitableInstancesError(
                f"It must be a set of strings or a map; this is a {type_name(value)}."
            )
    if len(found) > MOST_INSTANCES:
        raise UnsuitableInstancesError(f"It makes {len(found):,} instances; {MOST_INSTANCES:,} are the most.")
    if "" in found:
        raise UnsuitableInstancesError("The key of an instance must not be empty.")
    if any("\0" in key for key in found):
        raise UnsuitableInstancesError(
            "The key of an instance must not hold NUL: no process could be given it."
        )
    return found
