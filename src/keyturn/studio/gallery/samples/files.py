"""Reads the samples of a mail from TOML and JSON. Errors name file and line.

All of these places count, in this order:

1. `samples.toml` in the mail's folder, where that is its own;
2. `NAME.samples.toml` and `NAME.toml` beside it;
3. `samples/NAME.toml` and `samples/NAME/SAMPLE.toml`. The folder `samples` may lie beside the mail, in the folder of
   templates, or beside that. In a mail's own folder, also `samples/SAMPLE.toml`.

A file holds a table for each sample. `NAME.toml` may also hold the values of one sample, which is then called "sample".
"""

import json
import os
import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.render import EmailProps
from keyturn.plain_files import has_printable_name, leads_out, printable_name, read_plain_text
from keyturn.studio.gallery.naming import stem_of

_REMEMBERED = 2048
_LARGEST = 10_000_000
"""Bytes of a file."""

_DEEPEST = 100
_HALF = re.compile("[\ud800-\udfff]")
_TOO_DEEP = f"Values are nested more than {_DEEPEST} levels deep"


class Table(NamedTuple):
    """A value at the top of a file. `line` is None if unknown."""

    value: Any
    line: int | None


def read_tables(file: Path) -> dict[str, Table]:
    """Return the top values of a file, {} without one. They are cached: do not change them. Raises TemplateInvalid."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return {}
    except OSError as error:  # such as a link that leads to itself
        raise TemplateInvalid(str(file), None, f"cannot be read: {error.strerror}") from error
    return _tables(file, status.st_mtime_ns, status.st_size)


@lru_cache(_REMEMBERED)
def _tables(file: Path, *_: int) -> dict[str, Table]:
    try:
        text = read_plain_text(file, _LARGEST, encoding="utf-8-sig")
        top = READERS[file.suffix.lower()](text)
        _require_plain(top)
    except UnicodeDecodeError as error:
        raise TemplateInvalid(str(file), None, str(error)) from error  # it has the offset, and so the column
    except OSError as error:
        raise TemplateInvalid(str(file), None, f"cannot be read: {error.strerror}") from error
    except RecursionError:
        raise TemplateInvalid(str(file), None, _TOO_DEEP) from None
    except Unreadable as error:
        raise TemplateInvalid(str(file), error.line, str(error)) from None
    except ValueError as error:  # a number of thousands of digits
        raise TemplateInvalid(str(file), None, str(error).partition(":")[0]) from None
    if not isinstance(top, dict):
        raise TemplateInvalid(str(file), 1, "A file of samples must contain names with values")
    return {name: Table(value, next(_lines_of(name, text), None)) for name, value in top.items()}


def _require_plain(top: Any) -> None:
    """Raise Unreadable for values nested too deeply, and for lone surrogates, which no mail can hold."""
    level = [top]
    for _ in range(_DEEPEST):
        if any(isinstance(one, str) and _HALF.search(one) for one in level):
            raise Unreadable("A text contains half a character (a lone surrogate, such as \\ud800)", None)
        groups = ([*one, *one.values()] if isinstance(one, dict) else one for one in level)
        level = [each for group in groups if isinstance(group, list) for each in group]
        if not level:
            return
    raise Unreadable(_TOO_DEEP, None)


def _lines_of(name: str, text: str) -> Iterator[int]:
    """Find the lines of a table or key: `[name]`, `name =`, `"name":`."""
    head = re.compile(rf"[\s{{]*+(?:\[\s*+)?[\"']?{re.escape(name)}[\"']?\s*[\]=:]")
    return (number for number, line in enumerate(text.splitlines(), 1) if head.match(line))


class Unreadable(ValueError):
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
            raise Unreadable(f"{twice} occurs twice", max(_lines_of(twice, text), default=None))
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=expect_each_once) if text.strip() else {}
    except json.JSONDecodeError as error:
        raise Unreadable(f"{error.msg} (at line {error.lineno}, column {error.colno})", error.lineno) from error


READERS: Mapping[str, Callable[[str], Any]] = {".toml": _toml, ".json": _json}


Props = TypeVar("Props", bound=EmailProps)
PrintedNames = Callable[[], Collection[str]]

ONLY = "sample"
"""The name of the only sample in a file of values."""

_WRITE_ABOVE = {".toml": "a line [first]", ".json": '"first": {'}


class WrittenSample(NamedTuple):
    """A sample in a file. `line` is None if unknown."""

    values: Mapping[str, Any]
    file: Path
    line: int | None


_Place = tuple[str, str]
"""A possible file of samples: its path without ending, and "tables" for a table per sample, "one" for one sample, or
"either". The path is a text with slashes, since a folder has thousands.
"""

NamesIn = Callable[[str], frozenset[str]]
"""Lists a folder. A caller that reads the samples of many mails caches it."""


def names_in(folder: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208 - names alone
    except OSError:
        return frozenset()


def find_samples(
    folder: Path,
    name: str,
    markup: str,
    *,
    printed_names: PrintedNames = tuple,
    names_in: NamesIn = names_in,
    bounds: Path | None = None,
) -> dict[str, WrittenSample]:
    """Return the samples of a mail by name.

    `printed_names` returns the names that its templates print, which tell the values `user` and `order` of one sample
    from two samples `ada` and `grace`. `bounds`: links may only lead out of it to the samples beside the folder.
    Raises TemplateInvalid with file and line for unreadable samples and duplicate names; `others` has the
    faults of the other files.
    """
    by_name: dict[str, WrittenSample] = {}
    faults: list[TemplateInvalid] = []
    beside = folder.resolve().parent / "samples"
    for stem, holds in _places(folder, name, markup, names_in):
        for file in _with_endings(stem, names_in):
            outside = leads_out(file, bounds) and leads_out(file, beside)
            try:
                _add_new(by_name, _read_file(file, holds, printed_names, outside=outside))
            except TemplateInvalid as error:
                faults.append(error)
    if faults:
        faults[0].others = tuple(faults[1:])
        raise faults[0]
    return by_name


def _add_new(by_name: dict[str, WrittenSample], samples: Mapping[str, WrittenSample]) -> None:
    for name, written in samples.items():
        if name in by_name:
            other = f"{by_name[name].file.parent.name}/{by_name[name].file.name}"
            raise TemplateInvalid(str(written.file), written.line, f"sample [{name}] exists already, in {other}")
        by_name[name] = written


def fit_samples(samples: Mapping[str, WrittenSample], props: type[Props]) -> dict[str, Props]:
    """Return the samples as props. Raises TemplateInvalid with line, sample and field of a value that does not fit."""
    typed = {}
    for name, sample in samples.items():
        try:
            typed[name] = msgspec.convert(sample.values, props)
        except msgspec.ValidationError as error:
            raise TemplateInvalid(str(sample.file), sample.line, f"sample [{name}]: {error}") from error
    return typed


def _places(folder: Path, name: str, markup: str, names_in: NamesIn) -> Iterator[_Place]:
    top = folder.as_posix()
    stem = f"{top}/{stem_of(markup)}"
    above, _, last = stem.rpartition("/")
    own = above == f"{top}/{name}"
    if own:
        yield f"{above}/samples", "tables"
    yield f"{stem}.samples", "tables"
    yield stem, "either"
    if own:
        yield from _places_in(f"{above}/samples", names_in)
    places = {(f"{above}/samples", last), (f"{top}/samples", name), (f"{folder.parent.as_posix()}/samples", name)}
    roots = {f"{place}/{below}" for place, below in places if names_in(place)}
    for root in sorted(roots, key=lambda root: (-root.count("/"), root)):
        yield root, "either"
        yield from _places_in(root, names_in)


def _places_in(folder: str, names_in: NamesIn) -> Iterator[_Place]:
    names = [name for name in names_in(folder) if name.lower().endswith(tuple(READERS))]
    for name in names:
        if not has_printable_name(name):
            shown = printable_name(f"{folder}/{name}")
            raise TemplateInvalid(shown, None, "the file name is not UTF-8, so it cannot name a sample")
    for stem in sorted({stem for stem, ending in map(os.path.splitext, names) if ending}):
        yield f"{folder}/{stem}", "one"


def _with_endings(stem: str, names_in: NamesIn) -> Iterator[Path]:
    above, _, last = stem.rpartition("/")
    names = names_in(above)
    files = (Path(stem + ending) for ending in READERS if last + ending in names)
    return (file for file in files if not file.is_dir())


def _read_file(file: Path, holds: str, printed_names: PrintedNames, *, outside: bool) -> dict[str, WrittenSample]:
    if outside:
        raise TemplateInvalid(str(file), None, "is a link to a file outside the folder, which Keyturn does not read")
    tables = read_tables(file)
    if holds == "one" or (holds == "either" and _is_one(tables, printed_names)):
        name = file.stem if holds == "one" else ONLY
        return {name: WrittenSample(deepcopy({key: table.value for key, table in tables.items()}), file, 1)}
    for name, table in tables.items():
        if not isinstance(table.value, dict):
            message = f"{name} is outside a sample: write {_WRITE_ABOVE[file.suffix.lower()]} above it"
            raise TemplateInvalid(str(file), table.line, message)
    return {name: WrittenSample(deepcopy(table.value), file, table.line) for name, table in tables.items()}


def _is_one(tables: Mapping[str, Table], printed_names: PrintedNames) -> bool:
    """Tell whether these are the values of one sample instead of several samples."""
    if not tables or not all(isinstance(table.value, dict) for table in tables.values()):
        return bool(tables)
    names, below = {*printed_names()}, {name for table in tables.values() for name in table.value}
    return len(tables.keys() & names) > len(below & names)
