"""Keyturn's own mails in a folder of their own, in which a test can plant a mistake."""

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
from tests.studio.samples import read_samples

from keyturn.extras import folder
from keyturn.mail.languages.language import Languages
from keyturn.mail.rendering.folders import MailFiles
from keyturn.mail.rendering.render import Templates
from keyturn.service.reset.mails.email_props import EMAILS
from keyturn.service.reset.mails.palette import Palette, branding
from keyturn.studio.gallery import Sample
from keyturn.studio.lint.document import Document, read_document
from keyturn.studio.lint.finding import Place
from keyturn.studio.lint.source.origins import with_origins

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

    @classmethod
    def copied_to(cls, target: Path) -> "Mails":
        shutil.copytree(folder("email_templates"), target / "mails")
        return cls(target / "mails")

    def plant(self, file: str, old: str, new: str) -> None:
        """Replace the first `old` in a template; a test must not run on a template that was never
        changed.
        """
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

    def read(
        self, template: str = "password_reset", sample: str = "viewer", language: str = "en"
    ) -> Document:
        return self.read_values(
            template, msgspec.structs.asdict(self.samples(template)[sample]), language, sample
        )

    def read_values(
        self, template: str, values: dict[str, object], language: str = "en", sample: str = "first"
    ) -> Document:
        chosen = Languages("UTC", more=[language]).choose(language)
        given = Sample(sample, values, "typed" if template in EMAILS else "plain")
        return read_document(self._templates, template, given, chosen)

    @cached_property
    def _templates(self) -> Templates:
        """The templates, each compiled when it is first used and when it was changed."""
        templates = Templates(self.folder, branding(BRAND, Palette()), reload=True)
        return templates.with_files(self.files).with_preparation(with_origins)

    def files(self, template: str) -> MailFiles:
        """Return the files of a mail that there are: its markup may be MJML or HTML, and a text
        part is not needed.
        """
        names = [f"{template}/{template}.{ending}" for ending in ("mjml", "html", "txt")]
        return MailFiles(*(name for name in names if (self.folder / name).is_file()))

    def samples(self, template: str) -> dict[str, Any]:
        return read_samples(EMAILS[template], self.folder)


def at(place: Place) -> tuple[str, int]:
    return place.file, place.line
