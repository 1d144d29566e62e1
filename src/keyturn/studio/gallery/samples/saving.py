"""Saves a sample into a file of TOML or JSON. The rest of the file stays as its author wrote it."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime, time
from itertools import chain
from pathlib import Path
from typing import Any

from keyturn.errors import SampleNotSaved, TemplateInvalid
from keyturn.plain_files import replace_file
from keyturn.studio.gallery.gallery import Gallery
from keyturn.studio.gallery.samples.files import READERS, WrittenSample, find_samples, read_samples
from keyturn.studio.gallery.samples.shapes import Schema, plain_data, without_defaults

_NAME = re.compile(r"\w[\w-]{0,59}")


def name_fault(name: str) -> str:
    if not name:
        return "A sample needs a name."
    return "" if _NAME.fullmatch(name) else "A name is up to 60 letters, digits, - and _, such as long_name."


class SampleFiles:
    """The sample files of a mail."""

    def __init__(self, gallery: Gallery, mail: str) -> None:
        self._folder = gallery.folder.resolve()
        self._gallery, self._mail = gallery, mail
        self._markup = gallery.files(mail).markup

    def has(self, name: str) -> bool:
        return name in self._written_samples()

    def file_for(self, name: str) -> Path:
        written = self._written_samples()
        if name in written:
            return written[name].file
        inside = (one.file for one in reversed([*written.values()]) if one.file.resolve().is_relative_to(self._folder))
        return next(inside, self._default_file())

    def is_writable(self, name: str) -> bool:
        file = self.file_for(name)
        place = next(one for one in (file, *file.parents) if one.exists())
        return os.access(place, os.W_OK) and os.access(place if place.is_dir() else place.parent, os.W_OK)

    def save(self, name: str, values: Mapping[str, Any], schema: Schema) -> Path:
        """Write or replace a sample; return the file. Raises SampleNotSaved without writing anything."""
        file, text = self.file_for(name), self.text_with(name, values, schema)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(file, text.encode())
        except OSError as error:
            raise SampleNotSaved(file, error.strerror or str(error)) from error
        return file

    def text_with(self, name: str, values: Mapping[str, Any], schema: Schema) -> str:
        """Return the new content of the file. Raises SampleNotSaved."""
        file = self.file_for(name)
        if fault := name_fault(name):
            raise SampleNotSaved(file, fault)
        if not file.resolve().is_relative_to(self._folder):
            raise SampleNotSaved(file, f"it is outside {self._folder}")
        try:
            return self._text(file, name, values, schema)
        except TemplateInvalid as error:
            raise SampleNotSaved(file, f"it cannot be read: {error.message}") from error
        except (OSError, ValueError) as error:
            raise SampleNotSaved(file, getattr(error, "strerror", None) or str(error)) from error

    def _text(self, file: Path, name: str, values: Mapping[str, Any], schema: Schema) -> str:
        ending, before = file.suffix.lower(), {one: sample.values for one, sample in read_samples(file).items()}
        old = file.read_bytes().decode("utf-8-sig") if file.exists() else ""
        plain = without_defaults(plain_data(values, NATIVE[ending]), schema)
        new = WRITERS[ending](old.replace("\r\n", "\n"), name, plain)
        with suppress(ValueError):
            if READERS[ending](new) == {**before, name: plain}:
                return new.replace("\n", "\r\n") if "\r\n" in old else new
        raise ValueError("its layout does not allow adding to it; add the sample by hand")

    def _written_samples(self) -> Mapping[str, WrittenSample]:
        with suppress(TemplateInvalid):
            return find_samples(self._folder, self._mail, self._markup)
        return {}

    def _default_file(self) -> Path:
        markup, stem = self._folder / self._markup, self._folder / self._mail
        return stem / "samples.toml" if markup.parent == stem else stem.with_name(f"{stem.name}.samples.toml")


Writer = Callable[[str, str, Mapping[str, Any]], str]
"""Returns a text with a table added or replaced by name. Raises ValueError if the format cannot express the values."""

NATIVE: Mapping[str, tuple[type, ...]] = {".toml": (datetime, date, time), ".json": ()}
"""Types that a format has beside those of JSON."""


def _toml(text: str, name: str, table: Mapping[str, Any]) -> str:
    import tomlkit

    for missing in _nulls(table):
        raise ValueError(f"{missing} is null, which TOML cannot express")
    if text and not text.endswith("\n"):
        text += "\n"
    document = tomlkit.parse(text)
    match document.get(name):
        case None:
            above = (text if text.endswith("\n\n") else f"{text}\n") if text.strip() else ""
            return above + tomlkit.dumps({name: table})
        case tomlkit.items.Table() as old:
            _update(old, table)
        case tomlkit.items.InlineTable():
            document[name] = _inline_item(dict(table))
        case _:  # tomlkit cannot join scattered parts
            raise ValueError(f"[{name}] is split into several parts in the file")
    return tomlkit.dumps(document)


def _update(table: Any, values: Mapping[str, Any]) -> None:
    """Change only differing values, to keep comments. New values come before the comments at the end."""
    import tomlkit

    for key in [key for key in table if key not in values]:
        del table[key]
    body = table.value.body
    end = len(body)
    while end and body[end - 1][0] is None:
        end -= 1
    tail, body[end:] = body[end:], []
    for key, value in values.items():
        was = table.get(key)
        if isinstance(was, tomlkit.items.Table) and isinstance(value, dict):
            _update(was, value)
        elif isinstance(was, tomlkit.items.AoT) and isinstance(value, list) and all(type(one) is dict for one in value):
            del was[len(value) :]
            for at, one in enumerate(value):
                _update(was[at], one) if at < len(was) else was.append(tomlkit.item(one))
        else:
            old = was.unwrap() if hasattr(was, "unwrap") else was
            if type(old) is not type(value) or old != value:  # 1 is no 1.0, and no true
                table[key] = _inline_item(value)
    body.extend(tail)


def _inline_item(value: Any) -> Any:
    import tomlkit

    if isinstance(value, dict):
        inline = tomlkit.inline_table()
        inline.update({key: _inline_item(one) for key, one in value.items()})
        return inline
    if isinstance(value, list):
        array = tomlkit.array()
        array.extend(_inline_item(one) for one in value)
        return array
    return tomlkit.item(value)


def _nulls(value: Any, name: str = "") -> Iterator[str]:
    match value:
        case None:
            yield name
        case dict():
            yield from chain.from_iterable(_nulls(each, f"{name}.{key}".strip(".")) for key, each in value.items())
        case list():
            yield from chain.from_iterable(_nulls(each, f"{name}[{at}]") for at, each in enumerate(value))


def _json(text: str, name: str, table: Mapping[str, Any]) -> str:
    samples = json.loads(text) if text.strip() else {}
    indent = re.search(r"^[ \t]+(?=\S)", text, re.MULTILINE)
    default = 2 if "\n" in text.strip() or not text.strip() else None
    written = json.dumps({**samples, name: table}, ensure_ascii=False, indent=indent[0] if indent else default)
    return written + ("\n" if text.endswith("\n") or not text else "")


WRITERS: Mapping[str, Writer] = {".toml": _toml, ".json": _json}
