"""Reads the samples of a mail from TOML and JSON. Errors name file and line.

`samples.toml` in a folder of the mail's own, `NAME.samples.toml` and `NAME.toml` beside it, and
`samples/NAME.toml` beside the mail, in the folder of templates or beside that, have a table for
each sample. They are read in this order; a name of a sample that occurs twice is a fault.
"""

import json
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.render import EmailProps
from keyturn.plain_files import leads_out, read_plain_text
from keyturn.studio.gallery.discovery import state_of
from keyturn.studio.gallery.naming import stem_of
from keyturn.studio.gallery.samples import Sample

Props = TypeVar("Props", bound=EmailProps)

NamesIn = Callable[[str], frozenset[str]]  # lists a folder; a caller may cache it
_LARGEST = 10_000_000  # bytes of a file
_DEEPEST = 100
_CLOSE = 0.75  # a ratio of difflib, as of misspelt names
_HALF = re.compile("[\ud800-\udfff]")
_HALF_A_CHARACTER = "A text contains half a character (a lone surrogate, such as \\ud800)"
_TOO_DEEP = f"Values are nested more than {_DEEPEST} levels deep"
_LINE = re.compile(r"\(at (?:line (\d+)(?:, column \d+)?|end of document)\)\Z")


class WrittenSample(NamedTuple):
    values: Mapping[str, Any]
    file: Path
    line: int | None

    def as_sample(self, name: str, folder: Path) -> Sample:
        return Sample(name, self.values, file=Path(os.path.relpath(self.file, folder)).as_posix())


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
    names_in: NamesIn = names_in,
    bounds: Path | None = None,
    words: Callable[[], frozenset[str]] | None = None,
) -> dict[str, WrittenSample]:
    """Return the samples of a mail by name.

    Raises TemplateInvalid for the first fault, with `others`.

    `words`: returns those in the tags of the mail. A JSON file with the mail's name in
    which no name is close to any of these belongs to another tool.
    """
    by_name: dict[str, WrittenSample] = {}
    faults: list[TemplateInvalid] = []
    named_alike = folder / f"{stem_of(markup)}.json"
    for file in _files(folder, name, markup, names_in):
        try:
            samples = _own_samples(file, folder, bounds, words if file == named_alike else None)
        except TemplateInvalid as error:
            faults.append(error)
            continue
        for one, written in samples.items():
            first = by_name.get(one)
            if first is None:
                by_name[one] = written._replace(values=deepcopy(written.values))
                continue
            other = f"{first.file.parent.name}/{first.file.name}"
            reason = f"sample [{one}] exists already, in {other}"
            faults.append(TemplateInvalid(str(file), written.line, reason))
    if faults:
        faults[0].others = tuple(faults[1:])
        raise faults[0]
    return by_name


def _files(folder: Path, name: str, markup: str, names_in: NamesIn) -> Iterator[Path]:
    # Texts, since a folder has thousands of mails.
    top = folder.as_posix()
    stem = f"{top}/{stem_of(markup)}"
    above, _, last = stem.rpartition("/")
    stems: list[str] = []
    if above == f"{top}/{name}":
        stems.append(f"{above}/samples")
    stems += [f"{stem}.samples", stem]
    beside = folder.parent.as_posix()
    apart = {f"{above}/samples/{last}", f"{top}/samples/{name}", f"{beside}/samples/{name}"}
    stems += sorted(apart, key=lambda one: (-one.count("/"), one))
    for each in stems:
        place, _, file = each.rpartition("/")
        names = names_in(place)
        for ending in READERS:
            if file + ending in names:
                yield Path(place, file + ending)


def _own_samples(
    file: Path, folder: Path, bounds: Path | None, words: Callable[[], frozenset[str]] | None
) -> dict[str, WrittenSample]:
    """Return the samples in a file; none if it belongs to another tool, which `words` decide.

    Raises TemplateInvalid.
    """
    if leads_out(file, bounds) and leads_out(file, folder.resolve().parent / "samples"):
        refused = "is a link to a file outside the folder, which Keyturn does not read"
        raise TemplateInvalid(str(file), None, refused)
    if words and _is_of_another_tool(file, words()):
        return {}
    return read_samples(file)


def read_samples(file: Path) -> dict[str, WrittenSample]:
    """Return the samples in a file, or {} if there is no such file.

    They are cached: do not change them. Raises TemplateInvalid.
    """
    with suppress(FileNotFoundError, IsADirectoryError):
        return _samples(*state_of(str(file)))
    return {}


@lru_cache(2048)
def _samples(path: str, *_: int) -> dict[str, WrittenSample]:
    file = Path(path)
    try:
        text = read_plain_text(file, _LARGEST, encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError):
        raise
    except UnicodeDecodeError as error:  # it has the offset, and so the column
        raise TemplateInvalid(path, None, str(error)) from error
    except OSError as error:  # such as a link that leads to itself
        raise TemplateInvalid(path, None, f"cannot be read: {error.strerror}") from error
    tables = _parsed(file, text)
    if not isinstance(tables, dict):
        raise TemplateInvalid(path, 1, "A file of samples must contain names with values")
    samples = {}
    for name, values in tables.items():
        line = next(_lines_of(name, text), None)
        if not isinstance(values, dict):
            written = '"first": {' if file.suffix.lower() == ".json" else "a line [first]"
            reason = f"{name} is outside a sample: write {written} above it"
            raise TemplateInvalid(path, line, reason)
        samples[name] = WrittenSample(values, file, line)
    return samples


def _parsed(file: Path, text: str) -> Any:
    """Return what a file contains. Raises TemplateInvalid."""
    try:
        tables = READERS[file.suffix.lower()](text)
        _require_plain(tables)
    except RecursionError:
        raise TemplateInvalid(str(file), None, _TOO_DEEP) from None
    except ValueError as error:  # of the syntax, or a number of thousands of digits
        message = str(error)
        line = None
        place = _LINE.search(message)
        if place:
            # The end of the document is its last line.
            line = int(place[1] or len(text.splitlines()) or 1)
        reason = message.partition(": value has")[0]
        raise TemplateInvalid(str(file), line, reason) from None
    return tables


def _is_of_another_tool(file: Path, words: frozenset[str]) -> bool:
    """Tell whether no name in a JSON file is, or is close to, a word of the mail."""
    try:
        tables = json.loads(read_plain_text(file, _LARGEST, encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):  # which is told
        return False
    if not isinstance(tables, dict) or not words:
        return False
    names: set[str] = set()
    for name, value in tables.items():
        if isinstance(value, dict):  # a sample
            names.update(value)
        else:
            names.add(name)
    return not any(get_close_matches(name, words, 1, _CLOSE) for name in names)


def _require_plain(top: Any) -> None:
    """Raise ValueError for values nested too deeply, and for lone surrogates, which no mail can
    hold.
    """
    level = [top]
    for _ in range(_DEEPEST):
        below: list[Any] = []
        for value in level:
            match value:
                case str() if _HALF.search(value):
                    raise ValueError(_HALF_A_CHARACTER)
                case dict():
                    below += [*value, *value.values()]
                case list():
                    below += value
        if not below:
            return
        level = below
    raise ValueError(_TOO_DEEP)


def _lines_of(name: str, text: str) -> Iterator[int]:
    """Yield the lines, from 1, that begin with the name as a key or a table."""
    head = re.compile(rf"[\s{{]*+(?:\[\s*+)?[\"']?{re.escape(name)}[\"']?\s*[\]=:]")
    for number, line in enumerate(text.splitlines(), 1):
        if head.match(line):
            yield number


def _json(text: str) -> Any:
    if not text.strip():
        return {}

    def expect_each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in pairs:
            if name in values:
                line = max(_lines_of(name, text), default=1)
                raise ValueError(f"{name} occurs twice (at line {line})")
            values[name] = value
        return values

    try:
        return json.loads(text, object_pairs_hook=expect_each_once)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} (at line {error.lineno}, column {error.colno})") from error


READERS: Mapping[str, Callable[[str], Any]] = {".toml": tomllib.loads, ".json": _json}


def fit_samples(samples: Mapping[str, WrittenSample], props: type[Props]) -> dict[str, Props]:
    """Return the samples as props.

    Raises TemplateInvalid with line, sample and field of a value that does not fit.
    """
    typed = {}
    for name, sample in samples.items():
        try:
            typed[name] = msgspec.convert(sample.values, props)
        except msgspec.ValidationError as error:
            reason = f"sample [{name}]: {error}"
            raise TemplateInvalid(str(sample.file), sample.line, reason) from error
    return typed
