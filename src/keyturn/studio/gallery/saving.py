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
    """Return what is wrong with the name of a sample; "" if nothing is."""
    if not name:
        return "A sample needs a name."
    if not _NAME.fullmatch(name):
        return "A name is up to 60 letters, digits, - and _, such as long_name."
    return ""


class SampleFiles:
    """The files with the samples of a mail, into which samples are written."""

    def __init__(self, gallery: Gallery, mail: str) -> None:
        self._folder = gallery.folder
        self._top = gallery.folder.resolve()
        self._mail = mail
        self._markup = gallery.files(mail).markup

    def has(self, name: str) -> bool:
        return name in self._written_samples()

    def file_for(self, name: str) -> Path:
        """Return the file of a sample; for a new one, the last file of others, or a new file."""
        written = self._written_samples()
        if name in written:
            return written[name].file
        for other in reversed(written.values()):
            if other.file.resolve().is_relative_to(self._top):
                return other.file
        markup = self._folder / self._markup
        stem = self._folder / self._mail
        if markup.parent == stem:  # the mail has a folder of its own
            return stem / "samples.toml"
        return stem.with_name(f"{stem.name}.samples.toml")

    def is_writable(self, name: str) -> bool:
        file = self.file_for(name)
        place = next(path for path in (file, *file.parents) if path.exists())
        # A file is replaced by a new one in its folder.
        folder = place if place.is_dir() else place.parent
        return os.access(place, os.W_OK) and os.access(folder, os.W_OK)

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
        ending = file.suffix.lower()
        wanted = {one: sample.values for one, sample in read_samples(file).items()}
        old = file.read_bytes().decode("utf-8-sig") if file.exists() else ""
        plain = without_defaults(plain_data(values, NATIVE[ending]), schema)
        wanted[name] = plain
        new = WRITERS[ending](old.replace("\r\n", "\n"), name, plain)
        with suppress(ValueError):
            if READERS[ending](new) == wanted:
                if "\r\n" in old:
                    new = new.replace("\n", "\r\n")
                return new
        raise ValueError("its layout does not allow adding to it; add the sample by hand")

    def _written_samples(self) -> dict[str, WrittenSample]:
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

    missing = next(_nulls(table), None)
    if missing is not None:
        raise ValueError(f"{missing} is null, which TOML cannot express")
    new = tomlkit.dumps({name: table})
    if text and not text.endswith("\n"):
        text += "\n"
    old = re.search(_TABLE.format(re.escape(name)), text, re.MULTILINE)
    if old:
        return text[: old.start()] + new + text[old.end() :]
    if text.strip() and not text.endswith("\n\n"):
        text += "\n"
    return text + new


def _nulls(value: Any, name: str = "") -> Iterator[str]:
    match value:
        case None:
            yield name
        case dict():
            for key, member in value.items():
                yield from _nulls(member, f"{name}.{key}".strip("."))
        case list():
            for nth, entry in enumerate(value):
                yield from _nulls(entry, f"{name}[{nth}]")


def _json(text: str, name: str, table: Mapping[str, Any]) -> str:
    is_empty = not text.strip()
    samples = {} if is_empty else json.loads(text)
    samples[name] = table
    indented = re.search(r"^[ \t]+(?=\S)", text, re.MULTILINE)
    indent: str | int | None = None  # all on one line
    if indented:
        indent = indented[0]
    elif is_empty or "\n" in text.strip():
        indent = 2
    written = json.dumps(samples, ensure_ascii=False, indent=indent)
    if text.endswith("\n") or not text:
        written += "\n"
    return written


WRITERS: Mapping[str, Writer] = {".toml": _toml, ".json": _json}
