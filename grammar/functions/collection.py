"""Functions on lists and maps. What is said of lists holds for sets, in their order."""

from __future__ import annotations

from grammar.clusters import count_clusters
from grammar.conversion import ConversionError, convert, quote, unify_values
from grammar.functions.encoding import encode_json
from grammar.functions.signature import MAX_ELEMENTS, FunctionError, Library, Parameter, Shape
from grammar.functions.strings import whole
from grammar.kinds import HclMap, HclSet, Value, equal_key, type_name, unknown_in
from grammar.marks import Mark, join_marks, marked, outer_bare, sensitive_in
from grammar.number import Number, add
from grammar.suggest import nearest
from grammar.types import ANY, BOOL, NUMBER, STRING, ListType, MapType

library = Library("collection")

Elements = tuple[Value, ...]

_PARTIAL_LIST = Parameter(Shape.SEQUENCE, partial=True)
_PARTIAL_MAP = Parameter(Shape.MAPPING, partial=True)


@library(list=Shape.SEQUENCE)
def alltrue(elements: Elements) -> Value:
    """Tell whether all elements are true; of none, they are.

    >>> alltrue([true, "true"])
    true
    """
    return all(list(map(_truth, elements)))


@library(list=Shape.SEQUENCE)
def anytrue(elements: Elements) -> Value:
    """Tell whether at least one element is true.

    >>> anytrue([false, true])
    true
    """
    return any(list(map(_truth, elements)))


@library(list=_PARTIAL_LIST, size=NUMBER)
def chunklist(elements: Elements, size: Number) -> Value:
    """Cut a list into pieces of a size; the last may be shorter. Size 0 gives one piece.

    >>> chunklist(["a", "b", "c"], 2)
    [["a", "b"], ["c"]]
    """
    step = whole(size, 1, least=0) or max(1, len(elements))
    return tuple(elements[at : at + step] for at in range(0, len(elements), step))


@library(values=Parameter(ANY, rest=True, nullable=True))
def coalesce(*values: Value) -> Value:
    """Return the first value that is neither null nor an empty string, in the one type of all.

    >>> coalesce(null, "", "b")
    "b"
    """
    type_ = unify_values(values)
    if type_ is None:
        raise FunctionError("all arguments must be of one type")
    for value in values:
        if value is not None and value != "":
            return convert(value, type_)
    raise FunctionError("all arguments are null or empty")


@library(lists=Parameter(Shape.SEQUENCE, rest=True, nullable=True, partial=True))
def coalescelist(*lists: Elements | None) -> Value:
    """Return the first list that is neither null nor empty.

    >>> coalescelist([], ["c", "d"])
    ["c", "d"]
    """
    for elements in lists:
        if elements:
            return elements
    raise FunctionError("all lists are null or empty")


@library(list=ListType(STRING))
def compact(elements: Elements) -> Value:
    """Remove nulls and empty strings from a list of strings.

    >>> compact(["a", "", null, "b"])
    ["a", "b"]
    """
    return tuple(element for element in elements if element)


@library(lists=Parameter(Shape.LIST, rest=True, partial=True))
def concat(*lists: Elements) -> Value:
    """Put lists one behind the other.

    >>> concat(["a"], ["b", "c"])
    ["a", "b", "c"]
    """
    if not lists:
        raise FunctionError("at least one list is needed")
    return tuple(element for elements in lists for element in elements)


@library(list=Shape.SEQUENCE, value=Parameter(ANY, nullable=True))
def contains(elements: Elements, value: Value) -> Value:
    """Tell whether a list has an element that equals a value; `"1"` does not equal `1`.

    >>> contains(["a", "b"], "a")
    true
    """
    return equal_key(value) in {equal_key(element) for element in elements}


@library(list=ListType())
def distinct(elements: Elements) -> Value:
    """Remove what has come before in a list, whose elements are made of one type.

    >>> distinct(["a", "b", "a"])
    ["a", "b"]
    """
    first: dict[object, Value] = {}
    for element in elements:
        first.setdefault(equal_key(element), element)
    return tuple(first.values())


@library(list=Parameter(Shape.LIST, partial=True), index=NUMBER)
def element(elements: Elements, index: Number) -> Value:
    """Return an element by index, which wraps around at the ends.

    >>> element(["a", "b", "c"], 4)
    "b"
    """
    if not elements:
        raise FunctionError("an empty list has no elements", 0)
    return elements[whole(index, 1) % len(elements)]


@library(list=_PARTIAL_LIST)
def flatten(elements: Elements) -> Value:
    """Replace each list within a list by its elements, however deep.

    >>> flatten([["a", ["b"]], [], "c"])
    ["a", "b", "c"]
    """
    unknown = unknown_in(elements)
    if unknown is not None:  # it may turn out to be a list
        return marked(unknown, sensitive_in(elements))
    result: list[Value] = []
    marks: list[Mark | None] = []
    stack: list[Value] = list(reversed(elements))
    while stack:
        value, mark = outer_bare(stack.pop())
        if isinstance(value, tuple | HclSet):
            stack.extend(reversed(tuple(value)))
            marks.append(mark)  # how many elements it has is told by the whole
        else:
            result.append(marked(value, mark))
    return marked(tuple(result), join_marks(marks))


@library(list=Shape.SEQUENCE, value=Parameter(ANY, nullable=True))
def index(elements: Elements, value: Value) -> Value:
    """Return the index of the first element that equals a value.

    >>> index(["a", "b", "c"], "b")
    1
    """
    wanted = equal_key(value)
    for position, candidate in enumerate(elements):
        if equal_key(candidate) == wanted:
            return position
    raise FunctionError("the list has no such element", 1)


@library(map=_PARTIAL_MAP)
def keys(items: HclMap) -> Value:
    """Return the keys of a map, sorted.

    >>> keys({b = 1, a = 2})
    ["a", "b"]
    """
    return tuple(items)


@library(value=Parameter(ANY, partial=True))
def length(value: Value) -> Value:
    """Return how many elements a list, set or map has, or how many characters a string.

    >>> length(["a", "b"])
    2
    >>> length("hello")
    5
    """
    if isinstance(value, str):
        return count_clusters(value)
    if isinstance(value, tuple | HclSet | HclMap):
        return len(value)
    raise FunctionError(f"a string, list, set or map is required, this is a {type_name(value)}", 0)


@library(map=_PARTIAL_MAP, key=STRING, default=Parameter(ANY, nullable=True, partial=True, optional=True))
def lookup(items: HclMap, key: str, *default: Value) -> Value:
    """Return the value of a key in a map, or a default where there is none.

    >>> lookup({a = "ay"}, "b", "what?")
    "what?"
    """
    if key in items:
        return items[key]
    if default:
        return default[0]

    def remedy() -> str:
        similar = nearest(key, items)
        return (
            f"; did you mean {encode_json(similar)}" if similar else "; give a default as the third argument"
        )

    raise FunctionError(f"the map has no key {quote(key)}", 1, remedy)


@library(maps=Parameter(Shape.MAPPING, rest=True, nullable=True, partial=True))
def merge(*maps: HclMap | None) -> Value:
    """Put maps together; of equal keys the last one's value stays. Null maps count as empty.

    >>> merge({a = 1, b = 2}, {b = 3})
    {a = 1, b = 3}
    """
    return HclMap([item for items in maps if items is not None for item in items.items()])


@library(list=Parameter(Shape.SEQUENCE, partial=True))
def one(elements: Elements) -> Value:
    """Return the only element of a list, or null of an empty one.

    >>> one(["a"])
    "a"
    >>> one([])
    null
    """
    if len(elements) > 1:
        raise FunctionError(f"the list must have one element or none, it has {len(elements)}", 0)
    return elements[0] if elements else None


@library(start_or_limit=NUMBER, limit=Parameter(NUMBER, optional=True), step=Parameter(NUMBER, optional=True))
def range_(first: Number, *others: Number) -> Value:
    """Return the numbers from a start (0) up to, without, a limit, by a step (1, or -1 where the limit is below).

    >>> range(3)
    [0, 1, 2]
    >>> range(1, 8, 2)
    [1, 3, 5, 7]
    """
    start, limit = (first, others[0]) if others else (0, first)
    step = others[1] if len(others) > 1 else (1 if start <= limit else -1)
    if step == 0:
        raise FunctionError("must not be zero", 2)
    if (limit - start) * step < 0:
        raise FunctionError("leads away from the limit", 2)
    numbers: list[Value] = []
    while (start < limit) if step > 0 else (start > limit):
        if len(numbers) >= MAX_ELEMENTS:
            raise FunctionError(f"the list would have more than {MAX_ELEMENTS} elements")
        numbers.append(start)
        start = add(start, step)
    return tuple(numbers)


@library(list=_PARTIAL_LIST)
def reverse(elements: Elements) -> Value:
    """Return the elements in reverse order.

    >>> reverse([1, 2, 3])
    [3, 2, 1]
    """
    return elements[::-1]


@library(list=Parameter(Shape.LIST, partial=True), start=NUMBER, end=NUMBER)
def slice_(elements: Elements, start: Number, end: Number) -> Value:
    """Return the elements from index `start` up to, without, index `end`.

    >>> slice(["a", "b", "c", "d"], 1, 3)
    ["b", "c"]
    """
    first, last = whole(start, 1, least=0), whole(end, 2, least=0)
    if last > len(elements):
        raise FunctionError(f"must not be greater than the length of the list, {len(elements)}", 2)
    if first > last:
        raise FunctionError("must not be greater than the end", 1)
    return elements[first:last]


@library(list=ListType(STRING))
def sort(elements: Elements) -> Value:
    """Sort strings by their characters; numbers are sorted as strings, too.

    >>> sort(["e", "d", "a"])
    ["a", "d", "e"]
    """
    words = [element for element in elements if isinstance(element, str)]
    if len(words) != len(elements):
        raise FunctionError("an element is null", 0)
    return tuple(sorted(words))


@library(map=MapType(ListType(STRING)))
def transpose(items: HclMap) -> Value:
    """Swap keys and values in a map of lists of strings.

    >>> transpose({a = ["x", "y"], b = ["y"]})
    {x = ["a"], y = ["a", "b"]}
    """
    result: dict[str, list[Value]] = {}
    for key, words in items.items():
        for word in words if isinstance(words, tuple) else ():
            if not isinstance(word, str):
                raise FunctionError("an element is null", 0)
            result.setdefault(word, []).append(key)
    return HclMap({key: tuple(sorted(map(str, words))) for key, words in result.items()})


@library(map=_PARTIAL_MAP)
def values(items: HclMap) -> Value:
    """Return the values of a map, in the order of its keys.

    >>> values({b = 1, a = 2})
    [2, 1]
    """
    return tuple(items.values())


@library(keys=ListType(STRING), values=_PARTIAL_LIST)
def zipmap(names: Elements, elements: Elements) -> Value:
    """Make a map from a list of keys and a list of as many values.

    >>> zipmap(["a", "b"], [1, 2])
    {a = 1, b = 2}
    """
    if len(names) != len(elements):
        raise FunctionError(f"there are {len(names)} keys, but {len(elements)} values")
    if None in names:
        raise FunctionError("an element is null", 0)
    return HclMap([(str(name), element) for name, element in zip(names, elements, strict=True)])


@library(values=Parameter(ListType()), keys=Parameter(ListType()), search=Parameter(ListType()))
def matchkeys(elements: Elements, names: Elements, search: Elements) -> Value:
    """Return those values whose key, of the same index, is among the keys searched for.

    >>> matchkeys(["a", "b", "c"], [1, 2, 3], [1, 3])
    ["a", "c"]
    """
    if len(names) != len(elements):
        raise FunctionError(f"there are {len(names)} keys, but {len(elements)} values")
    wanted = {equal_key(key) for key in search}
    return tuple(element for element, key in zip(elements, names, strict=True) if equal_key(key) in wanted)


def _truth(value: Value) -> bool:
    try:
        return bool(convert(value, BOOL))  # null is not true
    except ConversionError as error:
        raise FunctionError(str(error), 0) from None
