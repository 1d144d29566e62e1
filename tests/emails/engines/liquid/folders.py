"""Folders of Liquid templates, and what is found in them."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from keyturn.emails.gallery import Gallery
from keyturn.emails.lint.document import Document, read_document
from keyturn.emails.lint.examination import examine
from keyturn.emails.lint.source.unknown_filters import with_lenient_origins

NOTIFICATIONS = Path(__file__).parent / "notifications"


Written = Callable[..., Gallery]


Told = tuple[str, str, str, str]


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
