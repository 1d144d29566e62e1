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
from itertools import chain
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
    beside = folder.resolve().parent / "samples"
    for file in _files(folder, name, markup, names_in):
        if leads_out(file, bounds) and leads_out(file, beside):
            refused = "is a link to a file outside the folder, which Keyturn does not read"
            faults.append(TemplateInvalid(str(file), None, refused))
            continue
        is_named_alike = file.suffix == ".json" and file == (folder / f"{stem_of(markup)}.json")
        if words and is_named_alike and _is_of_another_tool(file, words()):
            continue
        try:
            samples = read_samples(file)
        except TemplateInvalid as error:
            faults.append(error)
            continue
        for one, written in samples.items():
            if first := by_name.get(one):
                other = f"{first.file.parent.name}/{first.file.name}"
                faults.append(
                    TemplateInvalid(
                        str(file), written.line, f"sample [{one}] exists already, in {other}"
                    )
                )
            else:
                by_name[one] = written._replace(values=deepcopy(written.values))
    if faults:
        faults[0].others = tuple(faults[1:])
        raise faults[0]
    return by_name


def _files(folder: Path, name: str, markup: str, names_in: NamesIn) -> Iterator[Path]:
    # Texts, since a folder has thousands of mails.
    top, beside = (
        folder.as_posix(),
        folder.parent.as_posix(),
    )
    stem = f"{top}/{stem_of(markup)}"
    above, _, last = stem.rpartition("/")
    stems = [f"{above}/samples"] if above == f"{top}/{name}" else []
    apart = {f"{above}/samples/{last}", f"{top}/samples/{name}", f"{beside}/samples/{name}"}
    stems += [f"{stem}.samples", stem, *sorted(apart, key=lambda one: (-one.count("/"), one))]
    for above, _, last in (one.rpartition("/") for one in stems):
        names = names_in(above)
        yield from (Path(above, last + ending) for ending in READERS if last + ending in names)


def read_samples(file: Path) -> dict[str, WrittenSample]:
    """Return the samples in a file, or {} if there is no such file.

    They are cached: do not change them. Raises TemplateInvalid.
    """
    with suppress(FileNotFoundError, IsADirectoryError):
        return _samples(*state_of(str(file)))
    return {}


@lru_cache(2048)
def _samples(path: str, *_: int) -> dict[str, WrittenSample]:
    file, text = Path(path), ""
    try:
        text = read_plain_text(file, _LARGEST, encoding="utf-8-sig")
        tables = READERS[file.suffix.lower()](text)
        _require_plain(tables)
    except (FileNotFoundError, IsADirectoryError):
        raise
    except UnicodeDecodeError as error:
        raise TemplateInvalid(
            path, None, str(error)
        ) from error  # it has the offset, and so the column
    except OSError as error:  # such as a link that leads to itself
        raise TemplateInvalid(path, None, f"cannot be read: {error.strerror}") from error
    except RecursionError:
        raise TemplateInvalid(path, None, _TOO_DEEP) from None
    except ValueError as error:  # of the syntax, or a number of thousands of digits
        message, at = str(error).partition(": value has")[0], _LINE.search(str(error))
        line = int(at[1] or len(text.splitlines()) or 1) if at else None
        raise TemplateInvalid(path, line, message) from None
    if not isinstance(tables, dict):
        raise TemplateInvalid(path, 1, "A file of samples must contain names with values")
    lines = {name: next(_lines_of(name, text), None) for name in tables}
    for name in (name for name, values in tables.items() if not isinstance(values, dict)):
        written = '"first": {' if file.suffix.lower() == ".json" else "a line [first]"
        raise TemplateInvalid(
            path, lines[name], f"{name} is outside a sample: write {written} above it"
        )
    return {name: WrittenSample(values, file, lines[name]) for name, values in tables.items()}


def _is_of_another_tool(file: Path, words: frozenset[str]) -> bool:
    """Tell whether no name in a JSON file is, or is close to, a word of the mail."""
    try:
        tables = json.loads(read_plain_text(file, _LARGEST, encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):  # which is told
        return False
    if not isinstance(tables, dict):
        return False
    within_samples = chain.from_iterable(one for one in tables.values() if isinstance(one, dict))
    outside = (name for name, one in tables.items() if not isinstance(one, dict))
    names = {*within_samples, *outside}
    return bool(words) and not any(get_close_matches(name, words, 1, _CLOSE) for name in names)


def _require_plain(top: Any) -> None:
    """Raise ValueError for values nested too deeply, and for lone surrogates, which no mail can
    hold.
    """
    level = [top]
    for _ in range(_DEEPEST):
        if any(isinstance(one, str) and _HALF.search(one) for one in level):
            raise ValueError("A text contains half a character (a lone surrogate, such as \\ud800)")
        groups = ([*one, *one.values()] if isinstance(one, dict) else one for one in level)
        level = [each for group in groups if isinstance(group, list) for each in group]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


def _lines_of(name: str, text: str) -> Iterator[int]:
    head = re.compile(rf"[\s{{]*+(?:\[\s*+)?[\"']?{re.escape(name)}[\"']?\s*[\]=:]")
    return (number for number, line in enumerate(text.splitlines(), 1) if head.match(line))


def _json(text: str) -> Any:
    def expect_each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        for twice in (name for name in names if names.count(name) > 1):
            raise ValueError(
                f"{twice} occurs twice (at line {max(_lines_of(twice, text), default=1)})"
            )
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=expect_each_once) if text.strip() else {}
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
            raise TemplateInvalid(
                str(sample.file), sample.line, f"sample [{name}]: {error}"
            ) from error
    return typed
