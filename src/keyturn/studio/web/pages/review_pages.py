"""The pages to review a folder: all its findings, and its mails beside their snapshots, which can
be accepted.
"""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from keyturn.studio.gallery import MailName
from keyturn.studio.lint.clients.clients import name_of
from keyturn.studio.lint.finding import SEVERITIES, Finding, Severity, mails_of
from keyturn.studio.lint.report import Report, Tally, equal_findings
from keyturn.studio.web.checks.snapshots import Review, Stale, group_changes
from keyturn.studio.web.pages.addresses import redirect, url
from keyturn.studio.web.pages.paging import page_of
from keyturn.studio.web.pages.visit import Visit
from keyturn.studio.web.view import PageAddress, PageNumber, View

_ON_A_PAGE = 50


class FindingsView(PageAddress, frozen=True, kw_only=True, omit_defaults=True):
    """The findings on the page: with all `words`, and of a `severity`; without one, all."""

    severity: tuple[Severity, ...] = ()
    words: Annotated[str, Meta(max_length=200)] = ""
    page: PageNumber = 1
    pane: Literal["list", "mail"] = "mail"

    def toggled(self, severity: Severity) -> str:
        """Return the query with this severity added or taken away, at the first page."""
        chosen = {*self.severity} ^ {severity}
        in_order = tuple(one for one in SEVERITIES if one in chosen)
        return self.here(severity=in_order, page=1)

    def has_severity(self, finding: Finding) -> bool:
        return not self.severity or finding.severity in self.severity

    def has_words(self, finding: Finding) -> bool:
        """Tell whether all words of the filter are in a finding, in any case."""
        parts = [finding.rule, finding.message, finding.fix, finding.place.file]
        parts += finding.templates
        for gap in finding.clients:
            parts += (gap.client, name_of(gap.client))
        text = " ".join(parts).lower()
        return all(word in text for word in self.words.lower().split())


@get("/findings", sync_to_thread=True)
def findings_page(visit: NamedDependency[Visit]) -> Response[str]:
    """Show the known findings after some more checks, unless a script wants them at once."""
    view = visit.address(FindingsView)
    folder_checks = visit.folder_checks
    is_left = "respond-async" in visit.prefer or folder_checks.check_more()
    report = folder_checks.last
    listing = None
    if folder_checks.waiting is not None:
        listing = _listing(report, view)
    context = {
        "view": View(pane=view.pane),
        "address": view,
        "findings": view,
        "folder_report": report,
        "to_check": folder_checks.waiting,
        "listing": listing,
        "severities": SEVERITIES,
        "mails_of": mails_of,
        "mail_names": visit.gallery.names(),
        "trouble": folder_checks.trouble,
        "checks_at": url("findings", view=str(view)) if is_left else "",
    }
    return visit.page("findings.html", context)


def _listing(report: Report, view: FindingsView) -> dict[str, Any]:
    """Return a page of equal findings; `severities`: how many have the words of the filter."""
    with_words = [finding for finding in report.found if view.has_words(finding)]
    shown = [finding for finding in with_words if view.has_severity(finding)]
    page = page_of(equal_findings(shown), view.page, _ON_A_PAGE)
    return {
        "groups": page.items,
        "severities": Tally.of(with_words).by_severity,
        "pages": page.last,
        "page": page.number,
    }


class Acceptance(Struct):
    """The ids of the mails that the reader saw. `deletes`: the reader agreed to delete files."""

    ids: Annotated[str, Meta(pattern=r"^[0-9a-f ]+$")]
    deletes: Literal["", "yes"] = ""


@get("/snapshots", sync_to_thread=True)
def snapshots_page(visit: NamedDependency[Visit], review: NamedDependency[Review]) -> Response[str]:
    mails = review.look_at_all()
    context = {
        "groups": group_changes(mails),
        "stored": review.snapshots.stored.folder,
        "total": sum(mail.verdict != "gone" for mail in mails),
        "waiting": review.waiting_mails(),
    }
    return visit.page("snapshots.html", context)


@get("/snapshots", sync_to_thread=True)
def lesson_page(visit: NamedDependency[Visit]) -> Response[str]:
    return visit.page("snapshots_lesson.html", {"waiting": []})


@post(["/snapshots", "/snapshots/{name:path}"])
async def accept(
    visit: NamedDependency[Visit], data: URLEncodedBody[Acceptance], review: NamedDependency[Review]
) -> Redirect:
    """Accept the mails, and lead to the page of the address: the next one to review, or all."""
    view = visit.view  # first: an address that cannot be read accepts nothing
    try:
        await asyncio.to_thread(review.accept, data.ids.split(), deletes=data.deletes == "yes")
    except Stale as error:
        detail = (
            "A mail changed while you looked at it, so nothing was accepted. Reload the page "
            "and look again."
        )
        raise HTTPException(status_code=409, detail=detail) from error
    if visit.name:
        return redirect("snapshots", visit.name, view=view)
    return redirect("snapshots", view=view)


@get("/snapshots/{name:path}", sync_to_thread=True)
def snapshot_page(visit: NamedDependency[Visit], review: NamedDependency[Review]) -> Response[str]:
    comparison = review.snapshots.compare(MailName(visit.name, visit.view.sample, visit.view.lang))
    review.look(float("inf"))
    waiting = review.waiting_mails()
    stored = review.snapshots.stored
    context = {
        "comparison": comparison,
        "snapshot": comparison.name,
        "files": [file.name for file in stored.places(comparison.name)],
        "stored": stored.folder,
        "waiting": waiting,
        "following": _next_after(comparison.name, waiting),
    }
    return visit.page("snapshot.html", context)


def _next_after(here: MailName, waiting: Sequence[MailName]) -> MailName | None:
    """Return the mail that follows among the waiting ones, the first again after the last."""
    if here not in waiting:
        return waiting[0] if waiting else None
    at = waiting.index(here) + 1
    following = waiting[at % len(waiting)]
    return None if following == here else following


SNAPSHOT_HANDLERS = (snapshots_page, snapshot_page, accept)
