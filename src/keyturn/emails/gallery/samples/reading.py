"""TOML, YAML and JSON -> tables by name, each with its line; what cannot be read is told by file and line."""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from keyturn.errors import TemplateInvalid
from keyturn.packaging import requires_extra

_REMEMBERED = 2048


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
    return _tables(file, found.st_mtime_ns, found.st_size)


@lru_cache(_REMEMBERED)
def _tables(file: Path, *_: int) -> dict[str, Table]:
    try:
        text = file.read_text("utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise TemplateInvalid(str(file), None, str(error)) from error
    try:
        top = READERS[file.suffix.lower()](text)
    except Unreadable as error:
        raise TemplateInvalid(str(file), error.line, str(error)) from error
    if top is None:  # an empty YAML file
        return {}
    if not isinstance(top, dict):
        raise TemplateInvalid(str(file), 1, "Samples are names with values, and this is none")
    unnamed = next((key for key in top if not isinstance(key, str)), None)
    if unnamed is not None:
        raise TemplateInvalid(str(file), None, f"{unnamed} is no name: write it in quotes")
    return {name: Table(value, next(_lines_of(name, text), None)) for name, value in top.items()}


def _lines_of(name: str, text: str) -> Iterator[int]:
    """Find the lines on which a name stands as a table or a key: `[name]`, `name =`, `name:`, `"name":`."""
    head = re.compile(rf"[\s{{]*\[?\s*[\"']?{re.escape(name)}[\"']?\s*[\]=:]")
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


def _yaml(text: str) -> Any:
    with requires_extra("studio", "a sample in YAML"):
        import yaml  # noqa: PLC0415 - only folders that hold YAML need it

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
        return loader.construct_document(top)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" (at line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise Unreadable(f"{error.problem or error.context}{place}", mark.line + 1 if mark else None) from error
    except (yaml.YAMLError, ValueError) as error:
        raise Unreadable(str(error), None) from error
    finally:
        loader.dispose()


READERS: Mapping[str, Callable[[str], Any]] = {".toml": _toml, ".yaml": _yaml, ".yml": _yaml, ".json": _json}
