"""Every mail as a folder of plain pages, for people without a studio: from a disk, a share or any host."""

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment
from msgspec import Struct

from keyturn.emails.gallery import Gallery
from keyturn.emails.gallery.discovery import EXPORT_MARK
from keyturn.emails.inbox.mail import links_of
from keyturn.emails.renderers import Runner
from keyturn.emails.studio.frames import PREVIEW, apply_view
from keyturn.emails.studio.frames.rewriting import insert_in_head, label_images
from keyturn.emails.studio.pages.contact_sheet import SCHEMES
from keyturn.emails.studio.pages.layout import page_environment
from keyturn.emails.studio.rendering.rendition import Drawer, Rendition, Renditions
from keyturn.emails.studio.view import WIDTHS, Scheme, View
from keyturn.errors import KeyturnError, TemplateInvalid
from keyturn.languages import Language
from keyturn.mail.rendering.compiling import Rendered
from keyturn.packaging import folder

# A file has no headers, so the mail itself says how it is encoded, and that nothing in it runs (CSP Level 3, 3.3), also
# where it is opened without its page. Links open beside it.
_IN_FRAME = (
    '<meta charset="utf-8">'
    "<meta http-equiv=\"content-security-policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data: https: http:; base-uri 'none'; form-action 'none'\"><base target=\"_blank\">"
)


class ExportRefused(KeyturnError):
    """The folder cannot be written to."""


class ExportedMail(Struct, frozen=True):
    template: str
    sample: str
    language: Language
    stem: str
    rendition: Rendition

    @property
    def page(self) -> str:
        return f"mails/{self.stem}.html"

    @property
    def frames(self) -> Mapping[Scheme, str]:
        return {scheme: f"frames/{self.stem}.{scheme}.html" for scheme in SCHEMES}

    @property
    def mail(self) -> Rendered | None:
        return None if self.rendition.fault else self.rendition.mail


class Exported(Struct, frozen=True):
    """The number of written mails, and the templates that failed, as "file:line: what is wrong"."""

    mails: int
    faults: tuple[str, ...]


def export(
    gallery: Gallery,
    sender: str,
    destination: Path,
    progress: Callable[[], None] = lambda: None,
    runner: Runner[Drawer] | None = None,
) -> Exported:
    """Write the export; `progress` is called after each template, and `runner` renders.

    A folder with other contents is left as it is, and so is a folder among the templates. Raises ExportRefused, and
    OSError if the folder cannot be written.
    """
    _make_room(destination, gallery.folder)
    pages, renditions, leaves = _environment(gallery, sender), Renditions(gallery, runner), []
    for template in gallery.names():
        of_template = list(_leaves(renditions, template))
        for leaf in of_template:
            _write_frames(leaf, destination)
            _write(destination / leaf.page, pages.get_template("mail.html").render(_context(leaf, of_template)))
        leaves += of_template
        progress()
    _write(destination / "index.html", pages.get_template("index.html").render(home="", leaves=leaves))
    for file in ("tokens.css", "export.css", "icon.svg"):
        shutil.copyfile(folder("preview") / "static" / file, destination / file)
    faults = {f"{fault.place}: {fault.message}" for leaf in leaves if (fault := leaf.rendition.fault)}
    return Exported(sum(leaf.mail is not None for leaf in leaves), tuple(sorted(faults)))


def _make_room(destination: Path, templates: Path) -> None:
    if templates.resolve() in destination.resolve().parents:
        raise ExportRefused(f"{destination} is inside the folder of the templates; name a folder outside")
    if destination.exists() and not destination.is_dir():
        raise ExportRefused(f"{destination} is a file; name a folder")
    if destination.is_dir() and any(destination.iterdir()):
        if not (destination / EXPORT_MARK).is_file():
            raise ExportRefused(f"{destination} contains other files; name a new or empty folder")
        shutil.rmtree(destination)
    _write(destination / EXPORT_MARK, "")


def _leaves(renditions: Renditions, template: str) -> Iterator[ExportedMail]:
    gallery = renditions.gallery
    try:
        samples = list(gallery.samples(template))
    except TemplateInvalid:  # the rendition reports it
        samples = [""]
    for sample in samples:
        slug = re.sub(r"[^\w-]+", "-", sample).strip("-") or "mail"
        for tag, language in gallery.languages.known.items():
            stem = f"{template}/{slug}.{language.tag}"
            rendition = renditions.rendition(template, View(sample=sample, lang=tag), {})
            yield ExportedMail(template, sample, language, stem, rendition)


def _write_frames(leaf: ExportedMail, destination: Path) -> None:
    if leaf.mail:
        for scheme, file in leaf.frames.items():
            _write(
                destination / file,
                insert_in_head(label_images(apply_view(leaf.mail.html, View(scheme=scheme))), _IN_FRAME),
            )


def _environment(gallery: Gallery, sender: str) -> Environment:
    environment = page_environment(folder("preview") / "export")
    environment.filters["address"] = quote
    environment.globals.update(
        folder=gallery.folder.name,
        sender=sender,
        schemes=SCHEMES,
        widths=WIDTHS,
        sandbox=PREVIEW,
        first_language=gallery.languages.choose("").tag,
    )
    return environment


def _context(leaf: ExportedMail, of_template: list[ExportedMail]) -> Mapping[str, object]:
    mail = leaf.mail
    return {
        "home": "../" * leaf.page.count("/"),
        "leaf": leaf,
        "languages": [other for other in of_template if other.sample == leaf.sample],
        "links": links_of(mail.html, mail.text) if mail else [],
    }


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
