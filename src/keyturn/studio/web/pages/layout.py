"""What surrounds every page: the list of everything in the studio, what templates of `preview/` can
call, and errors.
"""

from collections.abc import Mapping, Sequence
from email.utils import parseaddr
from itertools import groupby
from operator import itemgetter
from typing import Any

from jinja2 import FileSystemLoader
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException
from litestar.status_codes import HTTP_421_MISDIRECTED_REQUEST
from markupsafe import Markup

from keyturn.extras import folder
from keyturn.mail.rendering.jinja import OwnEnvironment
from keyturn.studio.gallery.samples import hostile
from keyturn.studio.lint.checks.parts import CLIPPED_AT, STYLE_DROPPED_AT
from keyturn.studio.lint.finding import Place
from keyturn.studio.renderers import Runner
from keyturn.studio.web.access import HEADERS
from keyturn.studio.web.checks.reports import FolderChecks
from keyturn.studio.web.checks.snapshots import Review
from keyturn.studio.web.failures import ErrorHandler
from keyturn.studio.web.frames.client_models import rows
from keyturn.studio.web.frames.rewriting import remote_hosts
from keyturn.studio.web.pages.addresses import url
from keyturn.studio.web.pages.editor import editor_for
from keyturn.studio.web.pages.places import Places
from keyturn.studio.web.pages.tree import tree
from keyturn.studio.web.rendering.rendition import MailRenderer
from keyturn.studio.web.rendering.source import ExcerptLine, SourceText, excerpt, lines_of
from keyturn.studio.web.source_files import SourceFiles
from keyturn.studio.web.studio import Studio
from keyturn.studio.web.view import WIDTHS, View

_MOST_PLACES = 20  # of equal findings

# Refuses inline code, other hosts, and frames around the studio (CSP Level 3; OWASP ASVS 5.0,
# 3.4.3).
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class Layout:
    """Renders the pages of a studio.

    `folder_checks`, `review`: their counts stand in the list. `sources`: the files that can be
    edited. `runner`: colours sources.
    """

    def __init__(
        self,
        studio: Studio,
        runner: Runner[MailRenderer],
        folder_checks: FolderChecks,
        sources: SourceFiles,
        review: Review | None,
    ) -> None:
        self._gallery = studio.gallery
        self._captured = studio.captured
        self._runner = runner
        self._folder_checks = folder_checks
        self._review = review
        # The link opens an editor beside the browser, so not for readers on other machines.
        self._editor = None if studio.is_shared else editor_for(studio.settings.editor)
        self._environment = OwnEnvironment(FileSystemLoader(folder("preview")))
        self._environment.filters["kilobytes"] = _kilobytes
        self._environment.globals.update(_values_of(studio))
        self._environment.globals.update(
            editor=self._editor,
            editor_url=self._editor_url,
            excerpt=self._excerpt,
            lines_of=self._lines_of,
            edit_refusal=sources.refusal,
        )

    def page(self, page: str, context: Mapping[str, Any], status: int = 200) -> Response[str]:
        """Answer with a page of the studio, including the list on its left.

        `page`: the name of its template.
        """
        context = {"view": View(), "template": None, "shared_file": None, **context}
        shared = self._gallery.shared_files()
        chosen = context["template"] or context["shared_file"]
        report = self._folder_checks.last
        unaccepted = 0
        if self._review:
            unaccepted = len(self._review.waiting_mails())
        captured_count = None
        if self._captured:
            captured_count = self._captured.kept
        around = {
            "address": context["view"],
            "tree": tree(self._gallery.entries(), shared, chosen),
            "places": Places(self._gallery, shared),
            "folder_tally": report.tally,
            "tallies": report.tallies,
            "unaccepted": unaccepted,
            "captured_count": captured_count,
        }
        text = self._environment.get_template(page).render(around | context)
        headers = {**HEADERS, "cache-control": "no-store", "content-security-policy": _POLICY}
        return Response(text, status_code=status, media_type=MediaType.HTML, headers=headers)

    def _editor_url(self, file: str, line: int | None = None, column: int | None = None) -> str:
        """Return the link that opens a file in the editor; empty without an editor."""
        if self._editor is None:
            return ""
        return self._editor.url(self._gallery.folders / file, line or 1, column or 1)

    def _lines_of(self, source: SourceText) -> list[Markup]:
        return lines_of(source, self._runner)

    def _excerpt(self, place: Place, *, marks: bool = True, **how: int) -> tuple[ExcerptLine, ...]:
        """Return the lines around a place; none if the file was deleted or is unreadable, as the
        finding says.
        """
        column = place.column if marks else None
        return excerpt(self._gallery.text(place.file), place.line, column, **how)


def _kilobytes(count: int) -> str:
    return f"{count / 1024:.1f} KB" if count >= 100 else f"{count} bytes"


def _values_of(studio: Studio) -> dict[str, Any]:
    """Return the values that are the same on all pages."""
    gallery = studio.gallery
    known = gallery.languages.known
    scripts = (folder("preview") / "static").glob("*.js")
    states = studio.pages.states if studio.pages else ()
    return {
        "url": url,
        "sender": studio.sender,
        "sender_name": parseaddr(studio.sender)[0] or studio.sender,
        "languages": {tag: language.name for tag, language in known.items()},
        "brands": ["", *gallery.brands],
        "folder": gallery.folder.name,
        "modules": sorted(script.name for script in scripts),
        "page_states": states,
        "pages": _states_by_template(states),
        "smtp": studio.smtp,
        "widths": WIDTHS,
        "inbox_rows": rows,
        "foreign": gallery.folder.name if gallery.is_foreign else "",
        "remote_hosts": remote_hosts,
        "hostile": hostile.NAMES,
        "most_places": _MOST_PLACES,
        "limits": {"html": CLIPPED_AT, "style": STYLE_DROPPED_AT},
    }


def _states_by_template(states: Sequence[tuple[str, str, str]]) -> list[list[tuple[str, str]]]:
    """Return the names and labels of the states in their order; those of one template that follow
    each other together.
    """
    groups = []
    for _, of_template in groupby(states, key=itemgetter(2)):
        groups.append([(name, label) for name, label, _ in of_template])
    return groups


def error_page(layout: Layout) -> ErrorHandler:
    """Return the function that answers with the page of an error."""

    def answer(request: Request[Any, Any, Any], error: HTTPException) -> Response[str]:
        status = error.status_code
        # An unknown host must not see the list, and a frame must not hold another studio.
        is_unknown_host = status == HTTP_421_MISDIRECTED_REQUEST
        if is_unknown_host or request.headers.get("sec-fetch-dest") == "iframe":
            return Response(
                error.detail, status_code=status, media_type=MediaType.TEXT, headers=HEADERS
            )
        return layout.page("error.html", {"status": status, "detail": error.detail}, status)

    return answer
