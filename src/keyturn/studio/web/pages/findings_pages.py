"""The page of all findings of a folder: filtered, grouped, in pages, and updated while the checks run."""

from typing import Annotated, Any, Literal

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromHeader
from msgspec import Meta

from keyturn.studio.lint.clients.clients import name_of
from keyturn.studio.lint.finding import SEVERITIES, Finding, Severity
from keyturn.studio.lint.report import Report, Tally, equal_findings, mails_of
from keyturn.studio.web.pages.layout import Visit, page_of
from keyturn.studio.web.view import PageAddress, PageNumber, View

_ON_A_PAGE = 50
_MOST_PLACES = 20
"""The number of groups on a page, and of places in a group."""


class FindingsView(PageAddress, frozen=True, kw_only=True, omit_defaults=True):
    """The findings on the page. `words`: all of them are in the finding, its rule, its mails or its mail clients.

    Without `severity`, all severities.
    """

    severity: tuple[Severity, ...] = ()
    words: Annotated[str, Meta(max_length=200)] = ""
    page: PageNumber = 1
    pane: Literal["list", "mail"] = "mail"

    @property
    def is_filtered(self) -> bool:
        return bool(self.severity or self.words)

    def toggled(self, severity: Severity) -> str:
        chosen = [one for one in SEVERITIES if (one in self.severity) != (one == severity)]
        return self.here(severity=tuple(chosen), page=1)


def _has_words(finding: Finding, words: str) -> bool:
    clients = (name for gap in finding.clients for name in (gap.client, name_of(gap.client)))
    parts = (finding.rule, finding.message, finding.fix, finding.place.file, *finding.templates, *clients)
    text = " ".join(parts).lower()
    return all(word in text for word in words.lower().split())


@get("/findings", sync_to_thread=True)
def findings_page(visit: NamedDependency[Visit], prefer: FromHeader[str] = "") -> Response[str]:
    """Show the known findings after some more checks. The page asks again while checks are left.

    With `Prefer: respond-async` (RFC 7240, 4.1), the page answers at once.
    """
    view, checks = visit.address(FindingsView), visit.layout.folder_checks
    left = "respond-async" in prefer or checks.check_more()
    context = {
        "view": View(pane=view.pane),
        "address": view,
        "findings": view,
        "folder_report": checks.last,
        "to_check": checks.waiting,
        "listing": None if checks.waiting is None else _listing(checks.last, view),
        "severities": SEVERITIES,
        "most_places": _MOST_PLACES,
        "mails_of": mails_of,
        "mail_names": visit.gallery.names(),
        "trouble": checks.trouble,
        "left_to_check": left,
    }
    return visit.page("findings.html", context)


def _listing(report: Report, view: FindingsView) -> dict[str, Any]:
    """Return a page of equal findings; `severities`: how many have the words of the filter."""
    with_words = [finding for finding in report.found if _has_words(finding, view.words)]
    groups = equal_findings(one for one in with_words if not view.severity or one.severity in view.severity)
    shown, page, pages = page_of(groups, view.page, _ON_A_PAGE)
    return {"groups": shown, "severities": Tally.of(with_words).by_severity, "pages": pages, "page": page}


HANDLERS = (findings_page,)
