"""A folder of notifications in Liquid, and templates that a test writes."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from keyturn.emails.engines.liquid import open_liquid
from keyturn.emails.gallery import Gallery
from keyturn.emails.lint.document import Document, read_document
from keyturn.emails.lint.examination import examine
from keyturn.emails.lint.jinja.unknown_filters import with_lenient_origins

NOTIFICATIONS = Path(__file__).parent / "notifications"

Written = Callable[..., Gallery]
Told = tuple[str, str, str, str]


@pytest.fixture(scope="session")
def notifications() -> Gallery:
    return open_liquid(NOTIFICATIONS)


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Open a folder with one mail, `mail.liquid`, and other files by their names."""

    def write(source: str, others: Mapping[str, str] | None = None) -> Gallery:
        for name, text in {"mail.liquid": source, **(others or {})}.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
        return open_liquid(tmp_path)

    return write


def without_liquid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have python-liquid not be installed, for what is imported from now on."""
    package = "keyturn.emails.engines.liquid."
    for name in [name for name in sys.modules if name.startswith(package) and name != f"{package}opening"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "liquid", None)


def document(gallery: Gallery, name: str = "mail") -> Document:
    sample = next(iter(gallery.samples(name).values()))
    return read_document(gallery.renderers(with_lenient_origins)(sample), name, sample, gallery.languages.choose("en"))


def told(gallery: Gallery, *groups: str) -> list[Told]:
    """Return the findings of these groups, as place, rule, message and fix."""
    found = (one.finding for one in examine(gallery).with_rules(groups or ("liquid",)).found)
    return [(str(one.place), one.rule, one.message, one.fix) for one in found]
