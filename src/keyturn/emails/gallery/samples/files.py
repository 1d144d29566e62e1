"""Which samples a mail has, and where they are written.

Looked for in this order, in TOML, YAML and JSON, and all that is found counts:

1. `samples.toml` in the mail's folder, where that is its own;
2. `NAME.samples.toml` and `NAME.toml` beside it;
3. `samples/NAME.toml` and `samples/NAME/SAMPLE.toml`, where `samples` stands beside it, in the folder of the templates,
   beside that, or is set; and `samples/SAMPLE.toml` in a folder of its own.

A file holds a table for each sample; in `NAME.toml` it may also be the values of one, which is then called "sample".
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from keyturn.emails.gallery.naming import stem_of
from keyturn.emails.gallery.samples.reading import READERS, Table, read_tables
from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.files import own_files
from keyturn.mail.rendering.render import EmailProps
from keyturn.plain_files import has_printable_name, leads_out, printable_name

Props = TypeVar("Props", bound=EmailProps)
PrintedNames = Callable[[], Collection[str]]

ONLY = "sample"
"""What the only sample of a file is called that holds its values and no names of samples."""

_WRITE_ABOVE = {".toml": "a line [first]", ".yaml": "a line first:", ".yml": "a line first:", ".json": '"first": {'}


class Written(NamedTuple):
    """A sample as a file has it. `line` is None where it could not be found."""

    values: Mapping[str, Any]
    file: Path
    line: int | None


class _Place(NamedTuple):
    """Names where samples may be found: a path without its ending.

    `holds` tells what: a table for each sample, or else values; or one sample.
    """

    stem: Path
    holds: str


class Listings:
    """Remembers what folders hold while somebody looks for the samples of many mails: a folder is listed once."""

    def __init__(self) -> None:
        self._known: dict[Path, frozenset[str]] = {}

    def names_in(self, folder: Path) -> frozenset[str]:
        """Return the names in a folder; none where there is no folder."""
        if folder not in self._known:
            try:
                self._known[folder] = frozenset(os.listdir(folder))  # noqa: PTH208 - names alone
            except OSError:
                self._known[folder] = frozenset()
        return self._known[folder]


def find_samples(
    folder: Path,
    name: str,
    markup: str,
    *,
    elsewhere: Path | None = None,
    printed_names: PrintedNames = tuple,
    listings: Listings | None = None,
    bounds: Path | None = None,
) -> dict[str, Written]:
    """Return the samples of a mail by name. `printed_names` returns the names that its templates print.

    They tell `user` and `order`, the values of one sample, from `ada` and `grace`, two samples.
    Links lead nowhere out of the `bounds`, but to the samples beside the folder.
    Raises TemplateInvalid with the file and line of what cannot be read, or has a name that another sample has; its
    `others` are those of the other files.
    """
    found: dict[str, Written] = {}
    faults: list[TemplateInvalid] = []
    listings = listings or Listings()
    for place in _places(folder, name, markup, elsewhere, listings):
        for file in _with_endings(place.stem, listings):
            try:
                _require_inside(file, bounds, elsewhere or folder.resolve().parent / "samples")
                _add_new(found, _read_file(file, place.holds, printed_names))
            except TemplateInvalid as error:
                faults.append(error)
    if faults:
        faults[0].others = tuple(faults[1:])
        raise faults[0]
    return found


def _require_inside(file: Path, bounds: Path | None, beside: Path) -> None:
    if leads_out(file, bounds) and leads_out(file, beside):
        raise TemplateInvalid(str(file), None, "is a link that leads out of the folder, and is not read")


def _add_new(found: dict[str, Written], samples: Mapping[str, Written]) -> None:
    for name, written in samples.items():
        if name in found:
            other = f"{found[name].file.parent.name}/{found[name].file.name}"
            raise TemplateInvalid(str(written.file), written.line, f"sample [{name}] is in {other} already")
        found[name] = written


def read_samples(folder: Path, props: type[Props]) -> dict[str, Props]:
    """Return the samples of one of Keyturn's own mails. Raises TemplateInvalid."""
    return fit_samples(find_samples(folder, props.template, own_files(props.template).markup), props)


def fit_samples(samples: Mapping[str, Written], props: type[Props]) -> dict[str, Props]:
    """Return the samples as props. Durations are ISO 8601 ("PT30M").

    Raises TemplateInvalid with the file and line, the sample and the field of a value that does not fit its type.
    """
    typed = {}
    for name, sample in samples.items():
        try:
            typed[name] = msgspec.convert(sample.values, props)
        except msgspec.ValidationError as error:
            raise TemplateInvalid(str(sample.file), sample.line, f"sample [{name}]: {error}") from error
    return typed


def _places(folder: Path, name: str, markup: str, elsewhere: Path | None, listings: Listings) -> Iterator[_Place]:
    stem = folder / stem_of(markup)
    own = stem.parent == folder / name
    if own:
        yield _Place(stem.parent / "samples", "tables")
    yield _Place(stem.with_name(f"{stem.name}.samples"), "tables")
    yield _Place(stem, "either")
    if own:
        yield from _places_in(stem.parent / "samples", listings)
    roots = {stem.parent / "samples" / stem.name, folder / "samples" / name, folder.parent / "samples" / name}
    for root in sorted(roots | ({elsewhere / name} if elsewhere else set()), key=lambda root: (-len(root.parts), root)):
        yield _Place(root, "either")
        yield from _places_in(root, listings)


def _places_in(folder: Path, listings: Listings) -> Iterator[_Place]:
    files = [folder / name for name in listings.names_in(folder) if name.lower().endswith(tuple(READERS))]
    for file in files:
        if not has_printable_name(file.name):
            raise TemplateInvalid(printable_name(str(file)), None, "its name is not UTF-8, and names no sample")
    yield from (_Place(stem, "one") for stem in sorted({file.with_suffix("") for file in files if file.suffix}))


def _with_endings(stem: Path, listings: Listings) -> Iterator[Path]:
    names = listings.names_in(stem.parent)
    files = (stem.with_name(stem.name + ending) for ending in READERS if stem.name + ending in names)
    return (file for file in files if not file.is_dir())


def _read_file(file: Path, holds: str, printed_names: PrintedNames) -> dict[str, Written]:
    tables = read_tables(file)
    if holds == "one" or (holds == "either" and _is_one(tables, printed_names)):
        name = file.stem if holds == "one" else ONLY
        return {name: Written(deepcopy({key: table.value for key, table in tables.items()}), file, 1)}
    for name, table in tables.items():
        if not isinstance(table.value, dict):
            message = f"{name} stands outside a sample: write {_WRITE_ABOVE[file.suffix.lower()]} above it"
            raise TemplateInvalid(str(file), table.line, message)
    return {name: Written(deepcopy(table.value), file, table.line) for name, table in tables.items()}


def _is_one(tables: Mapping[str, Table], printed_names: PrintedNames) -> bool:
    """Tell whether these are the values of one sample, and no samples."""
    if not tables or not all(isinstance(table.value, dict) for table in tables.values()):
        return bool(tables)
    names, below = {*printed_names()}, {name for table in tables.values() for name in table.value}
    return len(tables.keys() & names) > len(below & names)
