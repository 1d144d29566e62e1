"""The mails at another commit beside those of the working tree: which changed, and each of them on both sides."""

from pathlib import Path
from typing import Any, Literal

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from keyturn.emails.gallery.git import GitFailed
from keyturn.emails.snapshots import MailName
from keyturn.emails.snapshots.goldens import in_one_line
from keyturn.emails.snapshots.revisions import Revisions
from keyturn.emails.snapshots.sides import NotListed
from keyturn.emails.studio.access.same_origin import no_other_site
from keyturn.emails.studio.frames import frames
from keyturn.emails.studio.frames.changed_elements import mark_changes
from keyturn.emails.studio.pages.layout import Layout
from keyturn.emails.studio.pages.query_errors import name_in_path
from keyturn.emails.studio.view import View


@get("/revisions", sync_to_thread=True, guards=[no_other_site])
def revisions_page(
    view: NamedDependency[View], revisions: NamedDependency[Revisions], layout: NamedDependency[Layout]
) -> Response[str]:
    """Show what can be compared with, and the mails that are other ones than there."""
    context: dict[str, Any] = {"view": view, "branches": [], "commits": [], "changes": [], "trouble": ""}
    try:
        context |= {"branches": revisions.branches(), "commits": revisions.commits()}
        if view.base:
            context["changes"] = list(revisions.changes(view.base))
    except GitFailed as error:
        context["trouble"] = f"Git says: {error}."
    except NotListed as error:
        context["trouble"] = str(error)
    return layout.page("revisions.html", {**context, "revisions": True})


@get("/revisions/{name:path}", sync_to_thread=True, guards=[no_other_site])
def revision_page(
    name: FromPath[Path],
    view: NamedDependency[View],
    revisions: NamedDependency[Revisions],
    layout: NamedDependency[Layout],
) -> Response[str]:
    """Show a mail as it was and as it is: rendered, or what differs in its HTML or its text."""
    comparison = _compare(revisions, name, view)
    frame = View(
        **{part: getattr(view, part) for part in ("sample", "lang", "dir", "scheme", "images", "remote", "base")}
    )
    context = {
        "view": view,
        "comparison": comparison,
        "frame": frame,
        "sandbox": frames.PREVIEW,
        "revisions": True,
    }
    return layout.page("revision.html", context)


@get("/revision-frames/{side:str}/{name:path}", sync_to_thread=True, guards=[no_other_site])
def revision_frame(
    side: FromPath[Literal["before", "after"]],
    name: FromPath[Path],
    drawn: NamedDependency[View],
    revisions: NamedDependency[Revisions],
) -> Response[str]:
    """Answer with the mail alone, as it was or as it is."""
    comparison = _compare(revisions, name, drawn)
    snapshot = comparison.before if side == "before" else comparison.after
    if snapshot is None:
        raise LookupError(f"There is no {comparison.name} {side} the change.")
    kind = "old" if side == "before" else "new"
    changed = [line.old or line.new or 0 for line in comparison.html.lines if line.kind == kind]
    whole = comparison.before is None or comparison.after is None
    html = mark_changes(snapshot.html, () if whole else changed, side)
    return frames.frame(in_one_line(html), drawn, frames.PREVIEW)


def _compare(revisions: Revisions, name: Path, view: View) -> Any:
    mail = MailName(name_in_path(name), view.sample, view.lang)
    try:
        return revisions.compare(view.base or "HEAD", mail)
    except GitFailed as error:
        raise LookupError(f"Git says: {error}.") from error


HANDLERS = (revisions_page, revision_page, revision_frame)
