"""What all pages share: the request with its typed query, a Jinja environment over the folder
`preview`, and errors.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from email.utils import parseaddr
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar, get_args, get_origin
from urllib.parse import quote

import msgspec
from jinja2 import FileSystemLoader
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.response import Redirect
from litestar.status_codes import HTTP_421_MISDIRECTED_REQUEST
from markupsafe import Markup

from keyturn.extras import folder
from keyturn.mail.rendering.jinja import OwnEnvironment
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.samples import hostile
from keyturn.studio.lint.checks.parts import CLIPPED_AT, STYLE_DROPPED_AT
from keyturn.studio.lint.finding import Place
from keyturn.studio.snapshots import SnapshotFolder, Snapshots
from keyturn.studio.web.access import HEADERS
from keyturn.studio.web.checks.captured_checks import CapturedChecks
from keyturn.studio.web.checks.reports import Checks, FolderChecks
from keyturn.studio.web.checks.snapshots import Review, difference_within_limits
from keyturn.studio.web.drafts import Drafts
from keyturn.studio.web.failures import Answer
from keyturn.studio.web.frames.client_models import rows
from keyturn.studio.web.frames.rewriting import remote_hosts
from keyturn.studio.web.pages.editor import editor_for
from keyturn.studio.web.pages.tree import tree
from keyturn.studio.web.rendering.rendition import Rendition, Renditions
from keyturn.studio.web.rendering.source import ExcerptLine, Source, excerpt, lines_of
from keyturn.studio.web.source_files import SourceFiles
from keyturn.studio.web.studio import PATH, Studio
from keyturn.studio.web.view import WIDTHS, View
from keyturn.values import mismatch

T = TypeVar("T")
_Address = TypeVar("_Address", bound=msgspec.Struct)

_PLACE = re.compile(r"`\$\.(\w+)")
_SAMPLES = (".toml", ".json")


def neighbours(items: Sequence[T], here: T) -> dict[str, T | None]:
    """Return the items before and after this one, for the links of a page."""
    at = items.index(here) if here in items else 0
    return {
        "before": items[at - 1] if at > 0 else None,
        "after": items[at + 1] if at + 1 < len(items) else None,
    }


def page_of(items: Sequence[T], number: int, most: int) -> tuple[Sequence[T], int, int]:
    """Return the items of a page, its number and that of the last page; the last page for a number
    beyond it.
    """
    last = max(1, -(-len(items) // most))
    page = min(number, last)
    return items[(page - 1) * most : page * most], page, last


def _kilobytes(count: int) -> str:
    return f"{count / 1024:.1f} KB" if count >= 100 else f"{count} bytes"


class Places:
    """Finds the pages of places.

    `shared`: the shared files. `url` returns the address of a page.
    """

    def __init__(self, gallery: Gallery, shared: Collection[str], url: Callable[..., str]) -> None:
        self._gallery = gallery
        self._shared = frozenset(shared)
        self._url = url

    def source(self, place: Place, templates: Sequence[str], view: View) -> str:
        """Return the address of a line in a source; empty for a file without a page.

        `templates` have the finding.
        """
        view, line = view.to(pane="mail"), f"#L{place.line}" if place.line else ""
        template, stage = self._stages.get(place.file, ("", ""))
        if not stage and templates and place.file.endswith(_SAMPLES):
            template, stage = templates[0], "samples"
        if template not in templates:  # the file of another mail, which this one may include
            stage, view = "" if place.file in self._shared else stage, view.to(sample="")
        if stage:
            return self._url("templates", template, view=view.to(show="source", file=stage)) + line
        return (
            self._url("files", place.file, view=view.to(sample="")) + line
            if place.file in self._shared
            else ""
        )

    def line(self, place: Place) -> str:
        """Return the line as the view of a mail selects it; empty for a place that no part of a
        mail comes from.
        """
        is_rendered = (
            place.file in self._shared or self._stages.get(place.file, ("", ""))[1] == "template"
        )
        return f"{place.file}:{place.line}" if is_rendered and place.line else ""

    @cached_property
    def _stages(self) -> dict[str, tuple[str, Any]]:
        """Return the template and the stage of each file of a mail."""
        mails = [(name, self._gallery.files(name)) for name in self._gallery.names()]
        stages: dict[str, tuple[str, Any]] = {
            files.markup: (name, "template") for name, files in mails
        }
        return stages | {files.text: (name, "text") for name, files in mails if files.text}


# Refuses inline code, other hosts, and frames around the studio (CSP Level 3; OWASP ASVS 5.0,
# 3.4.3).
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class Layout:
    """Renders the pages, and holds what their handlers share."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.page_states = studio.pages.states if studio.pages else ()
        self.gallery = studio.gallery
        self.renditions = Renditions(studio.gallery, studio.runner)
        self.checks = Checks(studio)
        self.folder_checks = FolderChecks(studio, self.renditions.runner)
        self.captured_checks = CapturedChecks(self.renditions.runner, studio.settings)
        self.drafts = Drafts(studio.settings)
        self.sources = SourceFiles(studio.gallery, studio.read_only)
        self.review: Review | None = None
        if studio.settings.snapshots:
            stored, languages = (
                SnapshotFolder(studio.settings.snapshots),
                studio.settings.snapshot_languages,
            )
            differ = difference_within_limits(self.renditions.runner)
            render = self.renditions.render
            self.review = Review(
                Snapshots(studio.gallery, stored, languages, render=render, differ=differ)
            )
        self._editor = None if studio.is_shared else editor_for(studio.settings.editor)
        self._environment = OwnEnvironment(FileSystemLoader(folder("preview")))
        self._environment.globals.update(self._shared_values())
        self._environment.filters["kilobytes"] = _kilobytes

    def _shared_values(self) -> dict[str, Any]:
        studio, gallery = self.studio, self.gallery
        return {
            "url": self.url,
            "sender": studio.sender,
            "sender_name": parseaddr(studio.sender)[0] or studio.sender,
            "languages": {tag: language.name for tag, language in gallery.languages.known.items()},
            "brands": ["", *gallery.brands],
            "folder": gallery.folder.name,
            "modules": sorted(file.name for file in (folder("preview") / "static").glob("*.js")),
            "page_states": self.page_states,
            "pages": [
                [(name, label) for name, label, _ in states]
                for _, states in groupby(self.page_states, key=itemgetter(2))
            ],
            "widths": WIDTHS,
            "editor": self._editor,
            "editor_url": self.editor_url,
            "excerpt": self._excerpt,
            "lines_of": self._lines_of,
            "edit_refusal": self.sources.refusal,
            "inbox_rows": rows,
            "foreign": gallery.folder.name if gallery.is_foreign else "",
            "remote_hosts": remote_hosts,
            "hostile": hostile.NAMES,
            "most_places": 20,  # of equal findings
            "limits": {"html": CLIPPED_AT, "style": STYLE_DROPPED_AT},
        }

    def as_loaded(self, view: View) -> View:
        # Foreign: the address of an image may hold values of the template, or lead to a host that
        # only we reach.
        return view.as_loaded(self.gallery.folder.name) if self.gallery.is_foreign else view

    def url(self, *parts: str, view: View | str | None = None) -> str:
        return "/".join((PATH, *(quote(part) for part in parts))) + str(view or "")

    def redirect(self, *parts: str, view: View | str | None = None) -> Redirect:
        """Lead to a page, which the browser asks for with GET (RFC 9110, 15.4.4)."""
        return Redirect(self.url(*parts, view=view), status_code=303)

    def editor_url(self, file: str, line: int | None = None, column: int | None = None) -> str:
        """Return the link that opens a file in the editor, which runs beside the browser; empty
        without an editor.
        """
        return (
            self._editor.url(self.gallery.folders / file, line or 1, column or 1)
            if self._editor
            else ""
        )

    def page(self, page: str, context: Mapping[str, Any], status: int = 200) -> Response[str]:
        """Answer with a page of the studio, including the list on its left."""
        context = {"view": View(), "template": None, "shared_file": None, **context}
        view, entries, shared = context["view"], self.gallery.entries(), self.gallery.shared_files()
        report = self.folder_checks.last
        text = self._environment.get_template(page).render(
            {"address": view, **context},
            tree=tree(entries, shared, context["template"] or context["shared_file"]),
            places=Places(self.gallery, shared, self.url),
            folder_tally=report.tally,
            tallies=report.tallies,
            unaccepted=len(self.review.waiting_mails()) if self.review else 0,
            captured_count=None if self.studio.captured is None else self.studio.captured.kept,
        )
        headers = {**HEADERS, "cache-control": "no-store", "content-security-policy": _POLICY}
        return Response(text, status_code=status, media_type=MediaType.HTML, headers=headers)

    def _lines_of(self, source: Source) -> list[Markup]:
        return lines_of(source, self.renditions.runner)

    def _excerpt(self, place: Place, *, marks: bool = True, **how: int) -> tuple[ExcerptLine, ...]:
        """Return the lines around a place; none if the file was deleted or is unreadable, as the
        finding says.
        """
        return excerpt(
            self.gallery.text(place.file), place.line, place.column if marks else None, **how
        )


class Visit:
    """A request for a page.

    `name`: the template, file or mail that its path names. `prefer`: its header (RFC 7240).

    A script asks for a page at once (`respond-async`), then to check more (`wait`) until nothing is
    left.
    """

    def __init__(self, layout: Layout, request: Request[Any, Any, Any]) -> None:
        self.layout, self.studio, self.gallery = layout, layout.studio, layout.gallery
        self.name = str(request.path_params.get("name", "")).lstrip("/")
        self.prefer = request.headers.get("prefer", "")
        self._url, self._query = request.url, request.query_params
        self._rendition: Rendition | None = None

    @cached_property
    def view(self) -> View:
        return self.address(View)

    @property
    def rendition(self) -> Rendition:
        """The mail of the view. Raises LookupError."""
        if (
            self._rendition is None
        ):  # a `cached_property` of Python 3.11 would let all other visits wait
            self._rendition = self.layout.renditions.rendition(self.name, self.view)
        return self._rendition

    def address(self, kind: type[_Address]) -> _Address:
        """Return the typed query.

        A form repeats a name for several ticked choices. Raises ValidationException.
        """
        types = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
        several = {name for name, wanted in types.items() if get_origin(wanted) is tuple}
        lists = {name: self._query.getall(name) for name in self._query}
        query = {name: values if name in several else values[-1] for name, values in lists.items()}
        try:
            return msgspec.convert(query, kind, strict=False)
        except msgspec.ValidationError as error:
            fault = str(error)
            if place := _PLACE.search(fault):
                name, value, wanted = place[1], query[place[1]], types[place[1]]
                shown = (
                    mismatch(", ".join(value), get_args(wanted)[0])
                    if name in several
                    else mismatch(value, wanted)
                )
                fault = f"{name} {shown}"
            raise ValidationException(detail=f"The address cannot be read: {fault}.") from error

    def check_more(self, *first: Callable[[], bool]) -> str:
        """Check some mails if a script waits for it.

        Return the address that checks more, or an empty text.

        Without scripts, the tab of checks waits for the first.
        """
        if first and self.view.tab == "checks" and not self.prefer:
            first[0]()
        left = "wait" not in self.prefer or any(
            check() for check in (*first, self.layout.folder_checks.check_more)
        )
        return f"{self._url.path}?{self._url.query}" if left else ""

    def page(self, page: str, context: Mapping[str, Any], status: int = 200) -> Response[str]:
        return self.layout.page(
            page, context if "view" in context else {"view": self.view, **context}, status
        )


def error_page(layout: Layout) -> Answer:
    """Return the function that answers with the page of an error."""

    def answer(request: Request[Any, Any, Any], error: HTTPException) -> Response[str]:
        # An unknown host must not see the list, and a frame must not hold another studio.
        if (
            error.status_code == HTTP_421_MISDIRECTED_REQUEST
            or request.headers.get("sec-fetch-dest") == "iframe"
        ):
            return Response(
                error.detail,
                status_code=error.status_code,
                media_type=MediaType.TEXT,
                headers=HEADERS,
            )
        return layout.page(
            "error.html", {"status": error.status_code, "detail": error.detail}, error.status_code
        )

    return answer
