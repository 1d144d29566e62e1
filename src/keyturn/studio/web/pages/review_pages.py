"""The pages to review a folder: all its findings, and its mails beside their snapshots, which can
be accepted.
"""

import asyncio
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
from keyturn.studio.web.pages.layout import Visit, page_of
from keyturn.studio.web.view import PageAddress, PageNumber, View

_ON_A_PAGE = 50


class FindingsView(PageAddress, frozen=True, kw_only=True, omit_defaults=True):
    """The findings on the page: with all `words`, and of a `severity`; without one, all."""

    severity: tuple[Severity, ...] = ()
    words: Annotated[str, Meta(max_length=200)] = ""
    page: PageNumber = 1
    pane: Literal["list", "mail"] = "mail"

    def toggled(self, severity: Severity) -> str:
        chosen = [one for one in SEVERITIES if (one in self.severity) != (one == severity)]
        return self.here(severity=tuple(chosen), page=1)


def _has_words(finding: Finding, words: str) -> bool:
    clients = (name for gap in finding.clients for name in (gap.client, name_of(gap.client)))
    parts = (
        finding.rule,
        finding.message,
        finding.fix,
        finding.place.file,
        *finding.templates,
        *clients,
    )
    text = " ".join(parts).lower()
    return all(word in text for word in words.lower().split())


@get("/findings", sync_to_thread=True)
def findings_page(visit: NamedDependency[Visit]) -> Response[str]:
    """Show the known findings after some more checks, unless a script wants them at once."""
    view, checks = visit.address(FindingsView), visit.layout.folder_checks
    left = "respond-async" in visit.prefer or checks.check_more()
    context = {
        "view": View(pane=view.pane),
        "address": view,
        "findings": view,
        "folder_report": checks.last,
        "to_check": checks.waiting,
        "listing": None if checks.waiting is None else _listing(checks.last, view),
        "severities": SEVERITIES,
        "mails_of": mails_of,
        "mail_names": visit.gallery.names(),
        "trouble": checks.trouble,
        "checks_at": left and visit.layout.url("findings", view=str(view)),
    }
    return visit.page("findings.html", context)


def _listing(report: Report, view: FindingsView) -> dict[str, Any]:
    """Return a page of equal findings; `severities`: how many have the words of the filter."""
    with_words = [finding for finding in report.found if _has_words(finding, view.words)]
    groups = equal_findings(
        one for one in with_words if not view.severity or one.severity in view.severity
    )
    shown, page, pages = page_of(groups, view.page, _ON_A_PAGE)
    return {
        "groups": shown,
        "severities": Tally.of(with_words).by_severity,
        "pages": pages,
        "page": page,
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
    return visit.layout.redirect(*filter(None, ("snapshots", visit.name)), view=view)


@get("/snapshots/{name:path}", sync_to_thread=True)
def snapshot_page(visit: NamedDependency[Visit], review: NamedDependency[Review]) -> Response[str]:
    comparison = review.snapshots.compare(MailName(visit.name, visit.view.sample, visit.view.lang))
    review.look(float("inf"))
    waiting, stored = review.waiting_mails(), review.snapshots.stored
    context = {
        "comparison": comparison,
        "snapshot": comparison.name,
        "files": [file.name for file in stored.places(comparison.name)],
        "stored": stored.folder,
        "waiting": waiting,
        "following": _next_after(comparison.name, waiting),
    }
    return visit.page("snapshot.html", context)


def _next_after(here: MailName, waiting: list[MailName]) -> MailName | None:
    """Return the mail that follows among the waiting ones, the first again after the last."""
    later = waiting[waiting.index(here) + 1 :] if here in waiting else []
    return next((name for name in (*later, *waiting) if name != here), None)


SNAPSHOT_HANDLERS = (snapshots_page, snapshot_page, accept)
