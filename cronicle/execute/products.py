"""Finding and hashing what an attempt has made: the files below `$CRONICLE_DATA` that its `produces` names.

Rules:

1. Only regular files are products. A link counts as the file that it leads to, under its own name; one that leads out
   of the folder is refused. The walk goes into no linked folder that a pattern does not spell out.
2. Each pattern must match a file. More than `MOST_PRODUCTS` files, or `MOST_NAMES` bytes of names, are refused.
3. Files are hashed piece by piece. A file that changes meanwhile is refused: its hash would be that of neither state.
4. Names that are not UTF-8, or hold the value of a secret, are refused: they are kept for ever and shown.

It runs in a thread of trio's and asks between any two pieces or folders whether it is still wanted.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from attrs import frozen

from cronicle.config.paths import matching
from cronicle.execute.interface import MEBIBYTE
from cronicle.execute.masking import contains_any
from cronicle.runs.products import MOST_PRODUCTS, Product
from cronicle.values import Value

MOST_NAMES = MEBIBYTE
"""Bytes of the paths of an attempt's products, in all."""

_WILD = frozenset("*?[")


@frozen(eq=False, repr=False)
class BadProducts(Value):
    """Why what an attempt has made cannot be recorded."""

    detail: str
    """A sentence for people."""
    is_missing: bool = False
    """True if there is nothing to record."""


class RefusedProductError(Exception):
    """What is found breaks a rule; the message is a sentence for people."""


def find_products(
    data: Path,
    patterns: Sequence[str],
    masks: Sequence[bytes] = (),
    check: Callable[[], object] = lambda: None,
) -> tuple[Product, ...] | BadProducts:
    """The files that match, sorted by path, or what is wrong with them.

    Args:
        data: The folder.
        patterns: Of paths in it; none leads out.
        masks: What must not be in a path.
        check: Raises to give up; asked often.
    """
    try:
        root = os.path.realpath(data)
        found: set[str] = set()
        for pattern in patterns:
            paths = matching(pattern, _candidates(root, pattern, check))
            files = [path for path in paths if _is_file(root, path)]
            if not files:
                return BadProducts(f'Nothing in $CRONICLE_DATA matches "{pattern}" of its produces.', True)
            found.update(files)
            if len(found) > MOST_PRODUCTS:
                return BadProducts(f"It has made more than {MOST_PRODUCTS:,} files that its produces names.")
        _check_names(found, masks)
        return tuple(hashed(root, path, check) for path in sorted(found))
    except RefusedProductError as refused:
        return BadProducts(str(refused))
    except ValueError as error:
        return BadProducts(f"Its produces cannot be used as patterns: {error}.")
    except OSError as error:
        return BadProducts(f"What it has made cannot be read: {error.strerror}: {_shown(error.filename)}.")


def hashed(data: str | os.PathLike[str], path: str, check: Callable[[], object] = lambda: None) -> Product:
    """A file as it is now.

    Raises:
        OSError: It cannot be read.
        RefusedProductError: It is no file, leads out of the folder, or changes.
    """
    real = _real(os.path.realpath(data), path)
    fd = os.open(real, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        start = os.fstat(fd)
        if not stat.S_ISREG(start.st_mode):
            raise RefusedProductError(f"{_shown(path)} is not a regular file.")
        digest, size = hashlib.sha256(), 0
        while size <= start.st_size and (piece := os.read(fd, MEBIBYTE)):  # it might grow for ever
            check()
            digest.update(piece)
            size += len(piece)
        end = os.fstat(fd)
    finally:
        os.close(fd)
    if (start.st_mtime_ns, start.st_size) != (end.st_mtime_ns, end.st_size) or size != end.st_size:
        raise RefusedProductError(f"{_shown(path)} was changed by somebody else while it was read.")
    return Product(path, size, digest.hexdigest())


def _candidates(root: str, pattern: str, check: Callable[[], object]) -> Iterator[str]:
    """Paths that may match a pattern: below the folders that it spells out, as deep as it goes."""
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    fixed = 0
    while fixed < len(parts) and _WILD.isdisjoint(parts[fixed]):
        fixed += 1
    base = "/".join(parts[:fixed])
    if fixed == len(parts):
        if os.path.lexists(os.path.join(root, base)):
            yield base
        return
    top = _real(root, base)
    if os.path.isdir(top):
        deepest = None if "**" in parts else len(parts) - fixed
        yield from _below(top, base, deepest, check)


def _below(top: str, base: str, deepest: int | None, check: Callable[[], object]) -> Iterator[str]:
    """The paths of all but the folders below one, down to a depth."""
    pending = [(top, base, 1)]
    while pending:
        check()
        folder, path, depth = pending.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                inner = f"{path}/{entry.name}" if path else entry.name
                if not entry.is_dir(follow_symlinks=False):
                    yield inner
                elif deepest is None or depth < deepest:
                    pending.append((entry.path, inner, depth + 1))


def _real(root: str, path: str) -> str:
    """Where a path leads to, links followed."""
    real = os.path.realpath(os.path.join(root, path)) if path else root
    if real != root and not real.startswith(f"{root}/"):
        raise RefusedProductError(
            f"{_shown(path)} is a link, or below one, that leads out of $CRONICLE_DATA."
        )
    return real


def _is_file(root: str, path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(_real(root, path), follow_symlinks=False).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False  # a link into nothing, or somebody has removed it


def _check_names(paths: set[str], masks: Sequence[bytes]) -> None:
    total = 0
    for path in paths:
        raw = os.fsencode(path)
        total += len(raw)
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            raise RefusedProductError(f"The name of {_shown(path)} is not UTF-8.") from None
        if contains_any(masks, raw):
            raise RefusedProductError("The name of a file that it has made holds the value of a secret.")
    if total > MOST_NAMES:
        raise RefusedProductError(
            f"The names of the {len(paths):,} files that it has made are too long together."
        )


def _shown(path: object) -> str:
    return os.fsencode(str(path)).decode("utf-8", "replace")
