"""Which modules of a project a Python file imports, read from its text without executing any of it.

Rules:

- Static imports only: `import a.b`, `from a import b`, `from . import b`, also inside of functions. What is
  imported by a computed name is not seen; a task that does so declares its `inputs`.
- An absolute import is looked up as Python would do for the file that is executed: in its own folder, then in the
  project's. A relative one is resolved from the file it stands in. What is not in the tree is a library.
- Importing `a.b` executes `a/__init__.py` too, so that belongs to it.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping

from attrs import frozen

from cronicle.config.paths import folder_of


@frozen
class Import:
    """One imported name: `level` dots, then a dotted `module`; `name` is what `from` takes out of it."""

    module: str
    level: int = 0
    name: str | None = None


def imports_of(source: bytes) -> tuple[Import, ...]:
    """All imports of a Python file, each once; none if Python could not read it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a wrong escape in somebody's script is not our news
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    found: dict[Import, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(dict.fromkeys(Import(alias.name) for alias in node.names))
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found.update(dict.fromkeys(Import(module, node.level, alias.name) for alias in node.names))
    return tuple(found)


def imported_files(
    entry: str, files: Collection[str], read_imports: Callable[[str], tuple[Import, ...]]
) -> Mapping[str, str]:
    """The project's files that executing `entry` imports, directly or through others, each with a file that does.

    Args:
        entry: The path of a Python file; it is not among them.
        files: All paths of the tree.
        read_imports: The imports of the file at a path.
    """
    roots = tuple(dict.fromkeys((folder_of(entry), "")))
    importers: dict[str, str] = {}
    pending = [entry]
    while pending:
        path = pending.pop()
        for imported in read_imports(path):
            for found in _resolve(imported, path, roots, files):
                if found not in importers and found != entry:
                    importers[found] = path
                    pending.append(found)
    return importers


def module_files(module: str, files: Collection[str], root: str = "") -> tuple[str, ...]:
    """The files that `python -m module` executes first, with the packages around it; empty if it is not here."""
    found = tuple(_module(module, root, files))
    main = _join(_join(root, module.replace(".", "/")), "__main__.py")
    return (*found, main) if main in files else found


def _resolve(imported: Import, path: str, roots: tuple[str, ...], files: Collection[str]) -> Iterator[str]:
    if imported.level:
        base = folder_of(path)
        for _ in range(imported.level - 1):
            if not base:
                return
            base = folder_of(base)
        roots = (base,)
    for root in roots:
        found = list(_module(imported.module, root, files)) if imported.module else []
        if imported.name is not None and (found or not imported.module):
            inner = f"{imported.module}.{imported.name}" if imported.module else imported.name
            found += _module(inner, root, files)
        if imported.level and not imported.module and (package := _join(root, "__init__.py")) in files:
            found.append(package)
        if found or _is_package(imported.module, imported.name, root, files):
            yield from found or _module(f"{imported.module}.{imported.name}", root, files)
            return


def _is_package(module: str, name: str | None, root: str, files: Collection[str]) -> bool:
    """True for `from folder import module` where the folder has no `__init__.py` (a namespace package)."""
    return bool(module and name) and any(_module(f"{module}.{name}", root, files))


def _module(module: str, root: str, files: Collection[str]) -> Iterator[str]:
    """The file of a dotted module below a folder, with the packages around it; nothing if there is none."""
    parts = module.split(".")
    base = _join(root, "/".join(parts))
    own = next((path for path in (f"{base}/__init__.py", f"{base}.py") if path in files), None)
    packages = [_join(_join(root, "/".join(parts[:count])), "__init__.py") for count in range(1, len(parts))]
    around = [path for path in packages if path in files]
    if own is None and f"{base}/__main__.py" not in files:
        return
    yield from around
    if own is not None:
        yield own


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
