"""What was edited, written as a sample of a mail: into a file of samples, which otherwise stays byte for byte."""

import os
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

from keyturn.emails.gallery.replacing import replace_file
from keyturn.emails.gallery.samples.files import ONLY, Written, find_samples
from keyturn.emails.gallery.samples.plain_data import plain_data, without_defaults
from keyturn.emails.gallery.samples.reading import READERS, Unreadable, read_tables
from keyturn.emails.gallery.samples.shapes import Fields
from keyturn.emails.gallery.samples.writing import NATIVE, WRITERS
from keyturn.errors import SampleNotSaved, TemplateInvalid

_NAME = re.compile(r"\w[\w-]{0,59}")


def name_fault(name: str) -> str:
    """Return what is wrong with a name for a sample; nothing where it is good."""
    if not name:
        return "A sample needs a name."
    return "" if _NAME.fullmatch(name) else "A name is up to 60 letters, digits, - and _, such as long_name."


@dataclass
class SampleFiles:
    """Where the samples of one mail are written, and where a new one would be.

    `markup` is the file of the mail, relative to `folder`; `elsewhere` and `printed_names` are as `find_samples` has
    them.
    """

    folder: Path
    mail: str
    markup: str
    _: KW_ONLY
    elsewhere: Path | None = None
    printed_names: Callable[[], Collection[str]] = tuple

    def __post_init__(self) -> None:
        self.folder = self.folder.resolve()

    def has(self, name: str) -> bool:
        return name in self._written_samples()

    def file_for(self, name: str) -> Path:
        """Return the file that holds the sample, or that it would be added to."""
        written = self._written_samples()
        if name in written:
            return written[name].file
        shared = (file for file in reversed([sample.file for sample in written.values()]) if not self._holds_one(file))
        inside = (file for file in shared if file.resolve().is_relative_to(self.folder))
        return next(inside, self._default_file())

    def is_writable(self, name: str = "") -> bool:
        file = self.file_for(name)
        place = file if file.exists() else next(parent for parent in file.parents if parent.exists())
        return os.access(place, os.W_OK) and os.access(place if place.is_dir() else place.parent, os.W_OK)

    def save(self, name: str, values: Mapping[str, Any], fields: Fields) -> Path:
        """Write the sample, in the place of the one that has its name; return the file.

        `fields` say which values are None anyway. Raises SampleNotSaved with the file and the reason; nothing is
        written then.
        """
        file, text = self.file_for(name), self.text_with(name, values, fields)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(file, text.encode())
        except OSError as error:
            raise SampleNotSaved(file, error.strerror or str(error)) from error
        return file

    def text_with(self, name: str, values: Mapping[str, Any], fields: Fields) -> str:
        """Return what the file would hold. Raises SampleNotSaved."""
        file = self.file_for(name)
        if fault := name_fault(name):
            raise SampleNotSaved(file, fault)
        if not file.resolve().is_relative_to(self.folder):
            raise SampleNotSaved(file, f"it is outside of {self.folder}")
        try:
            return self._text(file, name, values, fields)
        except TemplateInvalid as error:
            raise SampleNotSaved(file, f"it cannot be read: {error.message}") from error
        except OSError as error:
            raise SampleNotSaved(file, error.strerror or str(error)) from error
        except ValueError as error:
            raise SampleNotSaved(file, str(error)) from error

    def _text(self, file: Path, name: str, values: Mapping[str, Any], fields: Fields) -> str:
        ending, at = file.suffix.lower(), None if self._holds_one(file) else name
        before = {key: table.value for key, table in read_tables(file).items()}
        old = file.read_bytes().decode("utf-8-sig") if file.exists() else ""
        plain = without_defaults(plain_data(values, NATIVE[ending]), fields)
        new = WRITERS[ending](old.replace("\r\n", "\n"), at, plain)
        if not _holds(ending, new, plain if at is None else {**before, at: plain}):
            raise ValueError("it is written in a way that nothing can be added to")
        return new.replace("\n", "\r\n") if "\r\n" in old else new

    def _written_samples(self) -> Mapping[str, Written]:
        with suppress(TemplateInvalid):
            return find_samples(
                self.folder, self.mail, self.markup, elsewhere=self.elsewhere, printed_names=self.printed_names
            )
        return {}

    def _holds_one(self, file: Path) -> bool:
        """Tell whether a file is the values of one sample, and no table for each of several."""
        if not file.exists():
            return False
        names = [name for name, sample in self._written_samples().items() if sample.file == file]
        return names in ([file.stem], [ONLY]) and set(read_tables(file)) != set(names)

    def _default_file(self) -> Path:
        markup = self.folder / self.markup
        if markup.parent == self.folder / self.mail:
            return markup.parent / "samples.toml"
        stem = self.folder / self.mail
        return stem.with_name(f"{stem.name}.samples.toml")


def _holds(ending: str, text: str, values: Mapping[str, Any]) -> bool:
    """Read what was made before it takes the place of what is there."""
    try:
        return bool(READERS[ending](text) == values)
    except Unreadable:
        return False
