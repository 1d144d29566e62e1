"""What a test asks of the Django project in its own process: each function runs there."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.studio.folders import written

from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.compiling import Rendered
from keyturn.studio.engines.django.project import open_project
from keyturn.studio.gallery import Gallery
from keyturn.studio.lint.document import Check, Document, read_document
from keyturn.studio.lint.gallery_checks import check_gallery
from keyturn.studio.lint.mail_checks import document_findings
from keyturn.studio.lint.source.broken_templates import explain
from keyturn.studio.lint.source.origins import with_lenient_origins

PROJECT = Path(__file__).parent / "project"
EMAILS = "shop/templates/shop/emails"
RECEIPT, WELCOME = "shop/emails/receipt", "shop/emails/welcome"


class Opened:
    """The project in its process."""

    gallery: Gallery
    folder: Path


Ask = Callable[..., Any]


def open_here(opened: Opened, folder: Path) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "django"]:
        del sys.modules[name]  # another test of this process has set it up in its own way
    os.chdir(folder)
    opened.folder, opened.gallery = folder, open_project("northwind.settings", None)


def render(opened: Opened, template: str, language: str = "en") -> Rendered:
    gallery = opened.gallery
    sample = next(iter(gallery.samples(template).values()))
    return gallery.sample_templates()(sample).render_values(
        template, sample.values, gallery.languages.known[language]
    )


def place_of(opened: Opened, template: str, text: str) -> str:
    mail = document(opened, template)
    place = mail.place(mail.markup.index(text))
    return f"{place.file}:{place.line}:{place.column}"


def document(opened: Opened, template: str) -> Document:
    gallery = opened.gallery
    sample = next(iter(gallery.samples(template).values()))
    templates = gallery.sample_templates(with_lenient_origins)(sample)
    return read_document(templates, template, sample, gallery.languages.choose("en"))


def names(opened: Opened) -> tuple[list[str], list[str]]:
    return opened.gallery.names(), opened.gallery.shared_files()


def languages(opened: Opened) -> list[str]:
    return list(opened.gallery.languages.known)


def guessed(opened: Opened, source: str) -> Any:
    with template(opened, source) as name:
        return dict(opened.gallery.samples(name)["guessed"].values)


def found_in_all(opened: Opened) -> list[tuple[str, str]]:
    found = check_gallery(opened.gallery).found
    return [(one.rule, f"{one.place.file}:{one.place.line}") for one in found]


def found_in(
    opened: Opened, source: str, values: str = "", checks: Sequence[Check] = ()
) -> list[tuple[str, str, str, str]]:
    with template(opened, source, values) as name:
        gallery = opened.gallery
        sample = next(iter(gallery.samples(name).values()))
        templates = gallery.sample_templates(with_lenient_origins)(sample)
        try:
            document = read_document(templates, name, sample, gallery.languages.choose("en"))
            found = [explain(one, gallery, sample) for one in document.missing]
            found += document_findings(document, checks)
        except TemplateInvalid as error:
            found = [explain(error, gallery, sample)]
        return [
            (f"{one.place.line}:{one.place.column}", one.rule, one.message, one.fix)
            for one in found
        ]


def found_beside_layout(opened: Opened, source: str) -> list[tuple[str, str, str]]:
    """Return what the checks find in a mail whose layout lies in the top folder of the
    templates.
    """
    top = opened.folder / "shop/templates"
    written(
        top, {"frame.html": "<p>{% block text %}{% endblock %}</p>\n<a href='/start'>Start</a>\n"}
    )
    try:
        with template(opened, source) as name:
            found = check_gallery(opened.gallery, only=[name]).found
            return [(one.rule, str(one.place), one.fix) for one in found]
    finally:
        (top / "frame.html").unlink()


@contextmanager
def template(opened: Opened, source: str, values: str = "") -> Iterator[str]:
    files = {"tried.html": source, "tried.samples.toml": values}
    written(opened.folder / EMAILS, files if values else {"tried.html": source})
    try:
        yield "shop/emails/tried"
    finally:
        for name in files:
            (opened.folder / EMAILS / name).unlink(missing_ok=True)
