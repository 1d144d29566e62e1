"""Mails beside their snapshots, which can be accepted."""

from typing import Annotated, Literal

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from keyturn.studio.gallery import MailName
from keyturn.studio.web.checks.snapshots import Review, Stale, group_changes
from keyturn.studio.web.pages.layout import Visit


class Acceptance(msgspec.Struct):
    """The ids of the mails that the reader saw, separated by blanks. `deletes`: the reader agreed to delete files."""

    ids: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f ]+$")]
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


@get("/snapshots", sync_to_thread=False)
def lesson_page(visit: NamedDependency[Visit]) -> Response[str]:
    return visit.page("snapshots_lesson.html", {"waiting": []})


@post("/snapshots", sync_to_thread=True)
def accept(
    visit: NamedDependency[Visit], data: URLEncodedBody[Acceptance], review: NamedDependency[Review]
) -> Redirect:
    try:
        review.accept(data.ids.split(), deletes=data.deletes == "yes")
    except Stale as error:
        detail = "A mail changed while you looked at it, so nothing was accepted. Reload the page and look again."
        raise HTTPException(status_code=409, detail=detail) from error
    return visit.layout.redirect("snapshots", view=visit.view)


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


OF_SNAPSHOTS = (snapshots_page, snapshot_page, accept)
