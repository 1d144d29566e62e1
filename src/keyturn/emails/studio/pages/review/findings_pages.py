"""The page of all findings: what `keyturn check` says of the folder, by filters, while it is found out."""

import asyncio
from collections.abc import Iterator
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromHeader

from keyturn.emails.gallery import Gallery
from keyturn.emails.lint.clients.clients import name_of
from keyturn.emails.lint.finding import SEVERITIES, Place
from keyturn.emails.studio.checks.folder_checks import FolderChecks
from keyturn.emails.studio.pages.layout import Layout
from keyturn.emails.studio.pages.review.findings import FindingsView, listing, read_findings_view
from keyturn.emails.studio.view import View

_SAMPLES = (".toml", ".yaml", ".yml", ".json")


@get("/findings", dependencies={"address": Provide(read_findings_view, sync_to_thread=False)})
async def findings_page(
    address: NamedDependency[FindingsView],
    gallery: NamedDependency[Gallery],
    folder_checks: NamedDependency[FolderChecks],
    layout: NamedDependency[Layout],
    prefer: FromHeader[str] = "",
) -> Response[str]:
    """Show what is known, after some more was checked; the page asks again for as long as there is something left.

    Who prefers `respond-async` (RFC 7240, 4.1) gets at once what is known.
    """

    def answer() -> Response[str]:
        left = True if "respond-async" in prefer else folder_checks.check_more()
        return layout.page("findings.html", _context(address, gallery, folder_checks) | {"left_to_check": left})

    return await asyncio.to_thread(answer)


def _context(view: FindingsView, gallery: Gallery, folder_checks: FolderChecks) -> dict[str, Any]:
    known, entries = folder_checks.last, gallery.entries()
    return {
        "view": View(pane=view.pane),
        "address": view,
        "findings": view,
        "known": known,
        "listing": listing(known.examination, view) if known.examination else None,
        "severities": SEVERITIES,
        "links": Links(gallery),
        "client_name": name_of,
        "mail_names": [entry.name for entry in entries],
        "all_mails": sum(len(entry.samples) for entry in entries),
        "baseline_file": folder_checks.known.file.name if folder_checks.known.file else "",
    }


class Links:
    """Says where a finding leads to: the line in the source, and the mail that has it."""

    def __init__(self, gallery: Gallery) -> None:
        self._stages = dict(_own_files(gallery))
        self._shared = frozenset(gallery.shared_files())
        self._languages = tuple(gallery.languages.known)

    def source(self, place: Place, templates: tuple[str, ...]) -> tuple[tuple[str, ...], View] | None:
        """Return the page of a source, and how it is shown; None for a file that no page shows."""
        template, stage = self._stages.get(place.file, ("", ""))
        if stage:
            return ("templates", template), View(show="source", file=stage)
        if place.file in self._shared:
            return ("files", place.file), View()
        if templates and place.file.endswith(_SAMPLES):
            return ("templates", templates[0]), View(show="source", file="samples")
        return None

    def mail(self, mail: str, place: Place, templates: tuple[str, ...]) -> tuple[str, View]:
        """Return the template of a mail, and the view that shows the mail with the part that this place wrote."""
        template = max((one for one in templates if mail == one or mail.startswith(f"{one}/")), key=len, default=mail)
        sample = mail[len(template) + 1 :]
        language = sample.rpartition(" ")[2] if len(self._languages) > 1 else ""
        if language in self._languages:
            sample = sample.removesuffix(f" {language}")
        else:
            language = ""
        line = f"{place.file}:{place.line}" if self._is_drawn(place) else ""
        return template, View(sample=sample, lang=language, line=line, tab="checks")

    def _is_drawn(self, place: Place) -> bool:
        return place.file in self._shared or self._stages.get(place.file, ("", ""))[1] == "template"


def _own_files(gallery: Gallery) -> Iterator[tuple[str, tuple[str, Any]]]:
    """Yield each file of a mail's own with the mail, and what it is to it."""
    for name in gallery.names():
        files = gallery.files(name)
        yield from ((file, (name, stage)) for file, stage in ((files.markup, "template"), (files.text, "text")) if file)


HANDLERS = (findings_page,)
