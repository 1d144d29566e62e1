"""Saves a sample into a file of TOML or JSON.

The rest of a TOML file stays as its author wrote it. A JSON file is written again with its
indentation.
"""

import json
import os
import re
import threading
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

ONE_SAVE_AT_A_TIME = threading.Lock()  # of any file: a save reads the file, and then replaces it


def name_fault(name: str) -> str:
    if not name:
        return "A sample needs a name."
    return (
        ""
        if _NAME.fullmatch(name)
        else "A name is up to 60 letters, digits, - and _, such as long_name."
    )


class SampleFiles:
    def __init__(self, gallery: Gallery, mail: str) -> None:
        self._folder, self._top, self._mail = gallery.folder, gallery.folder.resolve(), mail
        self._markup = gallery.files(mail).markup

    def has(self, name: str) -> bool:
        return name in self._written_samples()

    def file_for(self, name: str) -> Path:
        written = self._written_samples()
        if name in written:
            return written[name].file
        inside = (
            one.file
            for one in reversed([*written.values()])
            if one.file.resolve().is_relative_to(self._top)
        )
        markup, stem = self._folder / self._markup, self._folder / self._mail
        has_own_folder = markup.parent == stem
        return next(
            inside,
            stem / "samples.toml"
            if has_own_folder
            else stem.with_name(f"{stem.name}.samples.toml"),
        )

    def is_writable(self, name: str) -> bool:
        file = self.file_for(name)
        place = next(one for one in (file, *file.parents) if one.exists())
        return os.access(place, os.W_OK) and os.access(
            place if place.is_dir() else place.parent, os.W_OK
        )

    def save(self, name: str, values: Mapping[str, Any], schema: Schema) -> Path:
        """Write or replace a sample; return the file.

        Raises SampleNotSaved without writing anything.
        """
        file = self.file_for(name)
        if fault := name_fault(name):
            raise SampleNotSaved(file, fault)
        # The file may lie beside the folder, or be a link that leads out of it (CWE-59).
        if not file.resolve().is_relative_to(self._top):
            raise SampleNotSaved(file, f"it is outside {self._top}")
        try:
            with ONE_SAVE_AT_A_TIME:
                text = self._text_with(file, name, values, schema)
                file.parent.mkdir(parents=True, exist_ok=True)
                replace_file(file, text.encode())
        except TemplateInvalid as error:
            raise SampleNotSaved(file, f"it cannot be read: {error.message}") from error
        except (OSError, ValueError) as error:
            raise SampleNotSaved(file, getattr(error, "strerror", None) or str(error)) from error
        return file

    def _text_with(self, file: Path, name: str, values: Mapping[str, Any], schema: Schema) -> str:
        ending, before = (
            file.suffix.lower(),
            {one: sample.values for one, sample in read_samples(file).items()},
        )
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


# Returns a text with a table added or replaced by name. Raises ValueError if the format cannot
# express the values.
Writer = Callable[[str, str, Mapping[str, Any]], str]
# Beside those of JSON.
NATIVE: Mapping[str, tuple[type, ...]] = {
    ".toml": (datetime, date, time),
    ".json": (),
}


# A table with those within it, up to the blank lines and comments above the next one.
_HEAD = r"""[ \t]*\[\[?[ \t]*(?:{0}|"{0}"|'{0}')[ \t]*[.\]]"""
_TABLE = rf"^{_HEAD}.*\n(?:(?:[ \t]*(?:#.*)?\n)*+(?:(?={_HEAD})|(?![ \t]*\[)).+\n)*+"


def _toml(text: str, name: str, table: Mapping[str, Any]) -> str:
    import tomlkit

    for missing in _nulls(table):
        raise ValueError(f"{missing} is null, which TOML cannot express")
    text += "\n" if text and not text.endswith("\n") else ""
    new, old = (
        tomlkit.dumps({name: table}),
        re.search(_TABLE.format(re.escape(name)), text, re.MULTILINE),
    )
    if old:
        return text[: old.start()] + new + text[old.end() :]
    return text + ("\n" if text.strip() and not text.endswith("\n\n") else "") + new


def _nulls(value: Any, name: str = "") -> Iterator[str]:
    match value:
        case None:
            yield name
        case dict():
            yield from chain.from_iterable(
                _nulls(each, f"{name}.{key}".strip(".")) for key, each in value.items()
            )
        case list():
            yield from chain.from_iterable(
                _nulls(each, f"{name}[{at}]") for at, each in enumerate(value)
            )


def _json(text: str, name: str, table: Mapping[str, Any]) -> str:
    samples = json.loads(text) if text.strip() else {}
    indent = re.search(r"^[ \t]+(?=\S)", text, re.MULTILINE)
    default = 2 if "\n" in text.strip() or not text.strip() else None
    written = json.dumps(
        {**samples, name: table}, ensure_ascii=False, indent=indent[0] if indent else default
    )
    return written + ("\n" if text.endswith("\n") or not text else "")


WRITERS: Mapping[str, Writer] = {".toml": _toml, ".json": _json}
