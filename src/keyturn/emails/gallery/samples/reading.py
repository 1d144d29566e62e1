"""TOML, YAML and JSON -> tables by name, each with its line; what cannot be read is told by file and line."""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from keyturn.errors import TemplateInvalid
from keyturn.packaging import requires_extra
from keyturn.plain_files import read_plain_text

_REMEMBERED = 2048
_LARGEST = {".toml": 10_000_000, ".json": 10_000_000, ".yaml": 1_000_000, ".yml": 1_000_000}
"""Octets of a file by its ending. PyYAML takes some seconds for a megabyte."""

_DEEPEST = 100
_MOST_DIGITS = 4300  # Python itself refuses more in TOML and JSON, but not in base 60, which YAML has (1:59:59)

_HALF = re.compile("[\ud800-\udfff]")
_TOO_DEEP = f"Values are nested more than {_DEEPEST} deep"


class Table(NamedTuple):
    """A value at the top of a file; only a mapping is a table. `line` is None where it could not be found."""

    value: Any
    line: int | None


def read_tables(file: Path) -> dict[str, Table]:
    """Return what stands at the top of a file by name; nothing where there is no file. Raises TemplateInvalid.

    A file is read again only where it has changed: the values are not the caller's to change.
    """
    try:
        found = file.stat()
    except FileNotFoundError:
        return {}
    except OSError as error:  # such as a link that leads to itself
        raise TemplateInvalid(str(file), None, f"cannot be read: {error.strerror}") from error
    tables = _tables(file, found.st_mtime_ns, found.st_size)
    if isinstance(tables, TemplateInvalid):
        raise TemplateInvalid(tables.path, tables.line, tables.message) from tables.__cause__
    return tables


@lru_cache(_REMEMBERED)
def _tables(file: Path, *_: int) -> dict[str, Table] | TemplateInvalid:
    """Return what stands in a file, or why it cannot be read, which takes as long to find out."""
    try:
        ending = file.suffix.lower()
        text = read_plain_text(file, _LARGEST[ending], encoding="utf-8-sig")
        top = READERS[ending](text)
        _require_plain(top)
    except UnicodeDecodeError as error:
        refused = TemplateInvalid(str(file), None, str(error))
        refused.__cause__ = error.with_traceback(None)  # it knows the octet, and so the column
        return refused
    except OSError as error:
        return TemplateInvalid(str(file), None, f"cannot be read: {error.strerror}")
    except RecursionError:
        return TemplateInvalid(str(file), None, _TOO_DEEP)
    except Unreadable as error:
        return TemplateInvalid(str(file), error.line, str(error))
    if top is None:  # an empty YAML file
        return {}
    if not isinstance(top, dict):
        return TemplateInvalid(str(file), 1, "Samples are names with values, and this is none")
    unnamed = next((key for key in top if not isinstance(key, str)), None)
    if unnamed is not None:
        return TemplateInvalid(str(file), None, f"{unnamed} is no name: write it in quotes")
    return {name: Table(value, next(_lines_of(name, text), None)) for name, value in top.items()}


def _require_plain(top: Any) -> None:
    """Raise Unreadable for values within more than _DEEPEST others, and for half characters, which no mail can hold."""
    level = [top]
    for _ in range(_DEEPEST):
        if any(isinstance(one, str) and _HALF.search(one) for one in level):
            raise Unreadable("A text holds half a character, as \\ud800 is one", None)
        groups = [
            one if isinstance(one, list) else [*one, *one.values()] for one in level if isinstance(one, dict | list)
        ]
        # Each value once: those of YAML may stand in several places, and within themselves.
        level = [*{id(each): each for group in groups for each in group}.values()]
        if not level:
            return
    raise Unreadable(_TOO_DEEP, None)


def _lines_of(name: str, text: str) -> Iterator[int]:
    """Find the lines on which a name stands as a table or a key: `[name]`, `name =`, `name:`, `"name":`."""
    head = re.compile(rf"[\s{{]*+(?:\[\s*+)?[\"']?{re.escape(name)}[\"']?\s*[\]=:]")
    return (number for number, line in enumerate(text.splitlines(), 1) if head.match(line))


class Unreadable(Exception):
    """A file of samples cannot be read."""

    def __init__(self, message: str, line: int | None) -> None:
        self.line = line
        super().__init__(message)


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise Unreadable(str(error), int(line[1]) if line else len(text.splitlines()) or 1) from error
    except ValueError as error:  # a number of thousands of digits
        raise Unreadable(str(error).partition(":")[0], None) from error


def _json(text: str) -> Any:
    def expect_each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise Unreadable(f"{twice} stands there twice", max(_lines_of(twice, text), default=None))
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=expect_each_once) if text.strip() else None
    except json.JSONDecodeError as error:
        raise Unreadable(f"{error.msg} (at line {error.lineno}, column {error.colno})", error.lineno) from error
    except ValueError as error:  # a number of thousands of digits
        raise Unreadable(str(error).partition(":")[0], None) from error


def _most_open(text: str) -> int:
    """Return how many brackets are open at once, at most, wherever they stand."""
    opened = accumulate(1 if found[0] in "[{" else -1 for found in re.finditer(r"[\[\]{}]", text))
    return max(opened, default=0)


def _yaml(text: str) -> Any:
    with requires_extra("studio", "a sample in YAML"):
        import yaml

    if _most_open(text) > _DEEPEST:  # for each of them PyYAML looks at all that are open
        raise Unreadable(_TOO_DEEP, None)
    loader = yaml.SafeLoader(text)
    try:
        top = loader.get_single_node()
        if top is None:
            return None
        seen: set[str] = set()
        for key, _ in top.value if isinstance(top, yaml.MappingNode) else ():
            if str(key.value) in seen:  # PyYAML itself takes the last one silently
                raise Unreadable(f"{key.value} stands there twice", key.start_mark.line + 1)
            seen.add(str(key.value))
        if _written_out(top, {}) > _LARGEST[".yaml"]:
            raise Unreadable(f"Written out without anchors, it has more than {_LARGEST['.yaml'] // 1_000_000} MB", None)
        return loader.construct_document(top)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" (at line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise Unreadable(f"{error.problem or error.context}{place}", mark.line + 1 if mark else None) from error
    except (yaml.YAMLError, ValueError) as error:
        raise Unreadable(str(error), None) from error
    finally:
        loader.dispose()


def _written_out(node: Any, known: dict[int, int]) -> int:
    """Return how long a YAML node is with its anchors and merges written out (CWE-776). Raises Unreadable.

    Ten lines of anchors, each ten times the one before, are ten thousand million values.
    `known`: lengths of the nodes that are counted already, by their ids.
    """
    if id(node) in known:
        if not known[id(node)]:  # it is being counted, so it holds itself
            raise Unreadable(_TOO_DEEP, node.start_mark.line + 1)
        return known[id(node)]
    known[id(node)] = 0
    if isinstance(node.value, str):
        if len(node.value) > _MOST_DIGITS and node.tag.endswith((":int", ":float")):
            raise Unreadable(f"A number has more than {_MOST_DIGITS} digits", node.start_mark.line + 1)
        length = len(node.value) + 1
    else:
        below = (one for each in node.value for one in (each if isinstance(each, tuple) else (each,)))
        length = 1 + sum(_written_out(one, known) for one in below)
    known[id(node)] = length
    return length


READERS: Mapping[str, Callable[[str], Any]] = {".toml": _toml, ".yaml": _yaml, ".yml": _yaml, ".json": _json}
