"""Keyturn's own mails in a folder of their own, in which a test can plant a mistake."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from keyturn.languages import Languages
from keyturn.lint.document import Document, read_document
from keyturn.lint.finding import Place
from keyturn.lint.origins import with_origins
from keyturn.mail.palette import Palette
from keyturn.mail.render import Templates
from keyturn.mail.samples import read_samples
from keyturn.reset.emails import EMAILS
from keyturn.resources import folder

BRAND = {
    "name": "Northwind School",
    "logo_url": "https://account.northwind.example/logo.png",
    "logo_width": 140,
    "logo_height": 40,
    "postal_address": "1 Harbour Road, Northwind",
    "support_address": "help@northwind.example",
}


@dataclass
class Mails:
    folder: Path
    palette: Palette = field(default_factory=Palette)
    brand: dict[str, Any] = field(default_factory=lambda: dict(BRAND))

    @classmethod
    def copied_to(cls, target: Path) -> "Mails":
        shutil.copytree(folder("email_templates"), target / "mails")
        return cls(target / "mails")

    def plant(self, file: str, old: str, new: str) -> None:
        """Replace the first `old` in a template; a test must not run on a template that was never changed."""
        text = (self.folder / file).read_text("utf-8")
        assert old in text, f"{file} does not hold {old}"
        (self.folder / file).write_text(text.replace(old, new, 1), "utf-8")

    def write(self, file: str, text: str) -> None:
        (self.folder / file).parent.mkdir(exist_ok=True)
        (self.folder / file).write_text(text, "utf-8")

    def line(self, file: str, text: str) -> tuple[str, int]:
        """Return the file with the number of the first line that holds a text."""
        lines = (self.folder / file).read_text("utf-8").split("\n")
        return file, next(number for number, line in enumerate(lines, 1) if text in line)

    def read(self, template: str = "password_reset", sample: str = "viewer", language: str = "en") -> Document:
        return self.read_values(template, msgspec.structs.asdict(self.samples(template)[sample]), language, sample)

    def read_values(
        self, template: str, values: dict[str, object], language: str = "en", sample: str = "first"
    ) -> Document:
        templates = Templates(self.folder, self.brand, self.palette).prepared(with_origins)
        chosen = Languages("UTC").choose(language)
        return read_document(templates, template, sample, values, chosen, typed=template in EMAILS)

    def samples(self, template: str) -> dict[str, Any]:
        return read_samples(self.folder, EMAILS[template])


def at(place: Place) -> tuple[str, int]:
    return place.file, place.line
