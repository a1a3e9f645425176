"""String functions. Lengths and offsets count what a reader sees as one character: grapheme clusters."""

from __future__ import annotations

from grammar.clusters import clusters
from grammar.conversion import ConversionError, convert
from grammar.functions.signature import FunctionError, Library, Parameter, Shape, bounded
from grammar.kinds import HclSet, Value, nfc, type_name
from grammar.number import Number
from grammar.types import ANY, NUMBER, STRING

library = Library("string")

_BLANKS = (
    " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005"
    "\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)


@library(string=STRING)
def chomp(string: str) -> Value:
    r"""Remove the line ends at the end of a string.

    >>> chomp("hello\n\n")
    "hello"
    """
    return string.rstrip("\r\n")


@library(string=STRING, suffix=STRING)
def endswith(string: str, suffix: str) -> Value:
    """Tell whether a string ends with another.

    >>> endswith("report.csv", ".csv")
    true
    """
    return string.endswith(suffix)


@library(string=STRING, prefix=STRING)
def startswith(string: str, prefix: str) -> Value:
    """Tell whether a string begins with another.

    >>> startswith("report.csv", "re")
    true
    """
    return string.startswith(prefix)


@library(string=STRING, substring=STRING)
def strcontains(string: str, substring: str) -> Value:
    """Tell whether a string contains another.

    >>> strcontains("hello world", "wor")
    true
    """
    return substring in string


@library(spaces=NUMBER, string=STRING)
def indent(spaces: Number, string: str) -> Value:
    r"""Put blanks before each line but the first.

    >>> indent(2, "a:\nb")
    "a:\n  b"
    """
    width = whole(spaces, 0, least=0)
    bounded(len(string) + width * string.count("\n"))
    return string.replace("\n", "\n" + " " * width)


@library(separator=STRING, lists=Parameter(Shape.SEQUENCE, rest=True))
def join(separator: str, *lists: tuple[Value, ...]) -> Value:
    """Put the elements of lists together to one string, with a separator between.

    >>> join(", ", ["foo", "bar", "baz"])
    "foo, bar, baz"
    """
    if not lists:
        raise FunctionError("a list is needed after the separator")
    words = [_word(element, 1 + index) for index, elements in enumerate(lists) for element in elements]
    bounded(sum(map(len, words)) + len(separator) * len(words))
    return nfc(separator.join(words))


@library(string=STRING)
def lower(string: str) -> Value:
    """Turn all letters into lower case.

    >>> lower("HELLO")
    "hello"
    """
    return nfc(string.lower())


@library(string=STRING)
def upper(string: str) -> Value:
    """Turn all letters into upper case; a letter without a single upper-case one stays (`ß`).

    >>> upper("hello")
    "HELLO"
    """
    return nfc("".join(_upper(character) for character in string))


@library(string=STRING)
def title(string: str) -> Value:
    """Turn the first letter of each word into upper case.

    >>> title("hello world")
    "Hello World"
    """
    before = " "
    result = []
    for character in string:
        begins = not (before.isalnum() or before == "_")
        result.append(_upper(character) if begins else character)
        before = character
    return nfc("".join(result))


def _effort_of_replace(string: str, substring: str, _: str) -> int:
    if not _is_pattern(substring):
        return 0
    from grammar.functions.patterns import effort_of_pattern

    return effort_of_pattern(substring[1:-1], string) + len(string)


def _is_pattern(substring: str) -> bool:
    return len(substring) > 1 and substring.startswith("/") and substring.endswith("/")


@library(effort=_effort_of_replace, string=STRING, substring=STRING, replacement=STRING)
def replace(string: str, substring: str, replacement: str) -> Value:
    r"""Replace each occurrence of a text, or of a pattern of RE2 that stands between slashes.

    In the replacement of a pattern `$1` and `${name}` are what a group has matched, and `$$` is a dollar.

    >>> replace("1 + 2 + 3", "+", "-")
    "1 - 2 - 3"
    >>> replace("hello world", "/(w)(.*)d/", "$2$1")
    "hello orlw"
    """
    if _is_pattern(substring):
        from grammar.functions.patterns import replace_pattern

        return nfc(replace_pattern(string, substring[1:-1], replacement))
    bounded(len(string) + string.count(substring) * max(0, len(replacement) - len(substring)))
    return nfc(string.replace(substring, replacement))


@library(separator=STRING, string=STRING)
def split(separator: str, string: str) -> Value:
    """Take a string apart at each occurrence of a separator; the empty one takes it apart into characters.

    >>> split(",", "foo,bar,baz")
    ["foo", "bar", "baz"]
    """
    return tuple(string.split(separator)) if separator else tuple(string)


@library(string=STRING)
def strrev(string: str) -> Value:
    """Return the characters in reverse order.

    >>> strrev("hello")
    "olleh"
    """
    return nfc("".join(reversed(clusters(string))))


@library(string=STRING, offset=NUMBER, length=NUMBER)
def substr(string: str, offset: Number, length: Number) -> Value:
    """Cut a piece out of a string. A negative offset counts from the end, a length of -1 means all that follows.

    >>> substr("hello world", 1, 4)
    "ello"
    >>> substr("hello world", -5, -1)
    "world"
    """
    characters = clusters(string)
    start = whole(offset, 1)
    count = whole(length, 2)
    start = max(0, len(characters) + start) if start < 0 else start
    return "".join(characters[start:] if count < 0 else characters[start : start + count])


@library(string=STRING, characters=STRING)
def trim(string: str, characters: str) -> Value:
    """Remove any of some characters from both ends.

    >>> trim("?!hello?!", "!?")
    "hello"
    """
    removed = set(characters)  # `strip` would look through all of them for each character
    start, end = 0, len(string)
    while start < end and string[start] in removed:
        start += 1
    while start < end and string[end - 1] in removed:
        end -= 1
    return string[start:end]


@library(string=STRING, prefix=STRING)
def trimprefix(string: str, prefix: str) -> Value:
    """Remove a text from the beginning, if it is there.

    >>> trimprefix("helloworld", "hello")
    "world"
    """
    return string.removeprefix(prefix)


@library(string=STRING, suffix=STRING)
def trimsuffix(string: str, suffix: str) -> Value:
    """Remove a text from the end, if it is there.

    >>> trimsuffix("helloworld", "world")
    "hello"
    """
    return string.removesuffix(suffix)


@library(string=STRING)
def trimspace(string: str) -> Value:
    r"""Remove blanks and line ends from both ends.

    >>> trimspace("  hello\n\n")
    "hello"
    """
    return string.strip(_BLANKS)


@library(words=Parameter(ANY))
def shellquote(words: Value) -> Value:
    r"""Quote a word for a POSIX shell, which then takes it as one; a list gives its words joined by blanks.

    >>> shellquote("it's")
    "'it'\\''s'"
    >>> shellquote(["rm", "a file"])
    "'rm' 'a file'"
    """
    elements = tuple(words) if isinstance(words, tuple | HclSet) else (words,)
    quoted = ["'" + _word(element, 0).replace("'", "'\\''") + "'" for element in elements]
    if any("\0" in word for word in quoted):
        raise FunctionError("a shell cannot be given the character NUL", 0)
    bounded(sum(map(len, quoted)))
    return " ".join(quoted)


def whole(number: Number, argument: int, *, least: int | None = None) -> int:
    """Return `number` if it is whole and not below `least`, else raise `FunctionError` about that argument."""
    if not isinstance(number, int):
        raise FunctionError("must be a whole number", argument)
    if least is not None and number < least:
        raise FunctionError(f"must not be less than {least}", argument)
    return number


def _word(value: Value, argument: int) -> str:
    if value is None:
        raise FunctionError("an element is null", argument)
    try:
        word = convert(value, STRING)
    except ConversionError:
        raise FunctionError(f"the elements must be strings, here is a {type_name(value)}", argument) from None
    assert isinstance(word, str)
    return word


def _upper(character: str) -> str:
    upper_case = character.upper()
    return upper_case if len(upper_case) == 1 else character
