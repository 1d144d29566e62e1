"""The pages of the studio: its own Jinja environment over the folder `preview`, and what every page carries."""

from collections.abc import Mapping, Sequence
from email.utils import parseaddr
from itertools import groupby
from operator import itemgetter
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Response
from litestar.status_codes import HTTP_200_OK

from keyturn.emails.lint.browser.images import HEAVY
from keyturn.emails.lint.checks.sizes import CLIPPED_AT, STYLE_DROPPED_AT
from keyturn.emails.lint.finding import Finding
from keyturn.emails.studio.access.headers import HEADERS
from keyturn.emails.studio.access.hosts import is_loopback
from keyturn.emails.studio.capture.inbox import rows
from keyturn.emails.studio.checks.folder_checks import FolderChecks
from keyturn.emails.studio.checks.snapshots import Review
from keyturn.emails.studio.editing.source_files import SourceFiles
from keyturn.emails.studio.frames.images import remote_hosts
from keyturn.emails.studio.pages.editor import editor_for
from keyturn.emails.studio.pages.hints import hints
from keyturn.emails.studio.pages.matching import matches
from keyturn.emails.studio.pages.tree import tree
from keyturn.emails.studio.rendering.excerpt import ExcerptLine, excerpt
from keyturn.emails.studio.studio import Studio
from keyturn.emails.studio.view import WIDTHS, View
from keyturn.mail.rendering.jinja_cache import shared_bytecode_cache
from keyturn.packaging import folder

# No inline code, nothing from another host, and nobody may frame the studio (CSP Level 3; OWASP ASVS 5.0, 3.4.3).
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class Layout:
    """Puts a page into the frame that all pages share."""

    def __init__(
        self,
        studio: Studio,
        checks: FolderChecks,
        review: Review | None,
        sources: SourceFiles,
        path: str,
        *,
        has_revisions: bool = False,
    ) -> None:
        self.smtp = studio.smtp
        self.page_states = studio.pages.states if studio.pages else ()
        self._path = path.rstrip("/")
        self._gallery = gallery = studio.gallery
        self._captured = studio.captured
        self._checks = checks
        self._review = review
        self._editor = editor_for(studio.editor) if is_loopback(studio.host) else None
        self._environment = Environment(
            loader=FileSystemLoader(folder("preview")),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            bytecode_cache=shared_bytecode_cache(),
        )
        self._environment.globals.update(
            url=self.url,
            sender=studio.sender,
            sender_name=parseaddr(studio.sender)[0] or studio.sender,
            languages={tag: language.name for tag, language in gallery.languages.known.items()},
            brands=["", *gallery.brands],
            folder=gallery.folder.name,
            page_states=self.page_states,
            pages=_states_by_page(self.page_states),
            widths=WIDTHS,
            editor=self._editor,
            editor_url=self.editor_url,
            edit_refusal=sources.refusal,
            inbox_rows=rows,
            weighable=is_loopback(studio.host),
            has_revisions=has_revisions,
            foreign=gallery.folder.name if gallery.is_foreign else "",
            remote_hosts=remote_hosts,
            hints=hints,
            limits={"html": CLIPPED_AT, "style": STYLE_DROPPED_AT, "image": HEAVY},
        )
        self._environment.filters["excerpt"] = self._excerpt
        self._environment.filters["kilobytes"] = lambda count: f"{count / 1024:.1f} KB"

    def url(self, *parts: str, view: View | None = None) -> str:
        return "/".join((self._path, *(quote(part) for part in parts))) + str(view or "")

    def editor_url(self, file: str, line: int | None = None, column: int | None = None) -> str:
        """Return the address that opens a file of the folder; empty where no editor does.

        The editor runs where the browser does, so it knows the path only while that is this machine.
        """
        return self._editor.url(self._gallery.folders / file, line or 1, column or 1) if self._editor else ""

    def page(self, page: str, context: Mapping[str, Any], status: int = HTTP_200_OK) -> Response[str]:
        """Answer with a page of the studio. What the list on its left needs is added here."""
        context = {"view": View(), "template": None, "shared_file": None, **context}
        view, entries = context["view"], self._gallery.entries()
        findings = self._checks.last
        chosen = next((entry for entry in entries if entry.name == context["template"]), None)
        text = self._environment.get_template(page).render(
            {"address": view, **context},
            tree=tree(entries, context["template"], view.find),
            shared={file: matches(view.find, file) for file in self._gallery.shared_files()},
            folder_tally=findings.tally,
            tallies=findings.tallies,
            branch_tallies=findings.of_branches(chosen, self._gallery.languages.known) if chosen else {},
            unaccepted=self._review.count if self._review else 0,
            captured_count=None if self._captured is None else self._captured.kept,
        )
        headers = {**HEADERS, "cache-control": "no-store", "content-security-policy": _POLICY}
        return Response(text, status_code=status, media_type=MediaType.HTML, headers=headers)

    def _excerpt(self, finding: Finding) -> tuple[ExcerptLine, ...]:
        place = finding.place
        try:
            lines = self._gallery.source(place.file).split("\n")
        except OSError:  # it is gone, or the finding says that it cannot be read
            return ()
        return excerpt(lines, place.line, place.column)


def _states_by_page(states: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return each page by the name and the label of its first state, with those of its other states."""
    pages = [[(name, label) for name, label, _ in found] for _, found in groupby(states, key=itemgetter(2))]
    return [(*first, more) for first, *more in pages]
