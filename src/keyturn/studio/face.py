"""The pages of the studio: its own Jinja environment over the folder `preview`, and what every page carries."""

from collections.abc import Mapping
from email.utils import parseaddr
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Response
from litestar.status_codes import HTTP_200_OK

from keyturn.lint.finding import Finding
from keyturn.lint.sizes import CLIPPED_AT, STYLE_DROPPED_AT
from keyturn.resources import folder
from keyturn.studio.captured import Captured
from keyturn.studio.checking import Checks
from keyturn.studio.excerpt import ExcerptLine, excerpt
from keyturn.studio.gallery import Gallery
from keyturn.studio.studio import Studio
from keyturn.studio.view import WIDTHS, View

# No inline code, nothing from another host, and nobody may frame the studio (CSP Level 3; OWASP ASVS 5.0, 3.4.3).
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

# What every answer carries: it is what it says it is, it gives no address away, and no other site may load it.
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


class Face:
    def __init__(self, studio: Studio, gallery: Gallery, captured: Captured | None, checks: Checks, path: str) -> None:
        self._path = path.rstrip("/")
        self._gallery = gallery
        self._captured = captured
        self._checks = checks
        self._languages = studio.languages
        self._environment = Environment(
            loader=FileSystemLoader(folder("preview")),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(
            url=self.url,
            sender=studio.sender,
            sender_name=parseaddr(studio.sender)[0] or studio.sender,
            languages=list(studio.languages.known),
            folder=gallery.folder.name,
            widths=WIDTHS,
            limits={"html": CLIPPED_AT, "style": STYLE_DROPPED_AT},
        )
        self._environment.filters["excerpt"] = self._excerpt
        self._environment.filters["kilobytes"] = lambda count: f"{count / 1024:.1f} KB"

    def url(self, *parts: str, view: View | None = None) -> str:
        return "/".join((self._path, *(quote(part) for part in parts))) + str(view or "")

    def page(self, page: str, context: Mapping[str, Any], status: int = HTTP_200_OK) -> Response[str]:
        """Answer with a page of the studio. What the list on its left needs is added here."""
        context = {"view": View(), "template": None, "shared_file": None, **context}
        text = self._environment.get_template(page).render(
            context,
            entries=self._gallery.entries(),
            shared=self._gallery.shared(),
            tallies=self._checks.tallies(self._languages.choose(context["view"].lang)),
            captured_count=None if self._captured is None else len(self._captured.names()),
        )
        headers = {**HEADERS, "cache-control": "no-store", "content-security-policy": _POLICY}
        return Response(text, status_code=status, media_type=MediaType.HTML, headers=headers)

    def _excerpt(self, finding: Finding) -> tuple[ExcerptLine, ...]:
        file, line, column = finding.place.file, finding.place.line, finding.place.column
        return (
            excerpt(self._gallery.source(file).split("\n"), line, column)
            if (self._gallery.folder / file).is_file()
            else ()
        )
