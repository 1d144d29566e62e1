"""The pages of the inbox: the list of captured mails, and one mail."""

from collections.abc import Mapping
from functools import partial
from html import escape
from itertools import groupby
from operator import attrgetter
from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from keyturn.mail.rendering.html_tree import parse_html
from keyturn.studio.inbox.captured_mail import ENVELOPE, search_for, with_id
from keyturn.studio.inbox.mail import OPENING, MailContent, action_link, markup_to_read
from keyturn.studio.inbox.store import CapturedMails
from keyturn.studio.lint.checks.parts import size_of
from keyturn.studio.lint.finding import Place
from keyturn.studio.lint.reading import Saying, read_aloud
from keyturn.studio.web import frames
from keyturn.studio.web.checks.captured_checks import CapturedChecks
from keyturn.studio.web.frames.rewriting import remote_hosts
from keyturn.studio.web.pages.addresses import redirect
from keyturn.studio.web.pages.frame_answers import attached, captured_frame
from keyturn.studio.web.pages.paging import neighbours, page_of
from keyturn.studio.web.pages.visit import Visit
from keyturn.studio.web.rendering.source import ExcerptLine, SourceText, excerpt

_ON_A_PAGE = 100
_BESIDE = 12
_MOST = 500
_SHOWN_CODES = 5
_LONGEST_VALUE = 4 * 1024
_SHOWN_TEXT = 256 * 1024
"""Characters of the text part, and how many links and headers a page shows.

The file has all of them.
"""

# Characters of HTML that are read aloud: looking at every tag of more takes seconds.
_READ_ALOUD = 512 * 1024
_SHOWN_SOURCE = 512 * 1024  # bytes of the source that a page shows. The file has all of them.


@get("/inbox", sync_to_thread=True)
def inbox_page(
    visit: NamedDependency[Visit], captured: NamedDependency[CapturedMails]
) -> Response[str]:
    mails = captured.newest(search_for(visit.view.search), limit=None)
    page = page_of(mails, visit.view.page, _ON_A_PAGE)
    days = groupby(page.items, attrgetter("day"))
    context = {
        "captured": page.items,
        "days": [(day, list(mails_of_day)) for day, mails_of_day in days],
        "page": page.number,
        "last_page": page.last,
        "total": captured.kept,
        "path": None if captured.is_temporary else captured.folder,
        "checks_at": visit.check_more(),
    }
    return visit.page("inbox.html", context)


@post("/inbox/delete", sync_to_thread=True)
def delete_mails(
    visit: NamedDependency[Visit], captured: NamedDependency[CapturedMails]
) -> Redirect:
    """Delete the mails that the search finds; without a search, all."""
    captured.delete(search_for(visit.view.search))
    return redirect("inbox")


@get("/inbox/{name:str}", sync_to_thread=True)
def mail_page(
    visit: NamedDependency[Visit],
    captured: NamedDependency[CapturedMails],
    captured_checks: NamedDependency[CapturedChecks],
) -> Response[str]:
    view = visit.view
    mail = captured.find(visit.name)
    content = captured.content(visit.name)
    captured.mark_read(mail.id)
    beside = captured.around(mail, _BESIDE)
    checks_at = ""
    if view.tab == "checks":
        checks_at = visit.check_more(partial(captured_checks.check, mail, content))
    context: dict[str, Any] = {
        "mail": mail,
        "content": content,
        "captured": beside,
        **_shown_parts(content),
        "report": captured_checks.last_report(mail.id),
        "checks_at": checks_at,
        "excerpt": partial(_excerpt, content),
        "size": size_of(content.html, content.text),
        "sayings": _sayings(content) if view.tab == "reading" else [],
        "frame": view.only("scheme", "images", "remote"),
        "hosts": remote_hosts(markup_to_read(content.html)),
        "sandbox": frames.CAPTURED,
        **neighbours([other.id for other in beside], mail.id),
    }
    if view.show == "source":
        text = content.raw[:_SHOWN_SOURCE].decode("utf-8", "replace").replace("\r\n", "\n")
        context["source"] = SourceText(mail.id, "eml", text)
    return visit.page("mail.html", context)


def _shown_parts(content: MailContent) -> Mapping[str, Any]:
    headers = []
    for name, value in content.headers[:_MOST]:
        if name.lower() not in ENVELOPE:
            headers.append((name, value[:_LONGEST_VALUE]))
    opening = escape(content.text[:OPENING])
    if content.html:
        opening = markup_to_read(content.html, OPENING)
    return {
        "links": content.links[:_MOST],
        "headers": headers,
        "text": content.text[:_SHOWN_TEXT],
        "codes": content.codes[:_SHOWN_CODES],
        "action": action_link(content.links),
        "opening": opening,
        "preheader": content.preheader,
    }


def _excerpt(content: MailContent, place: Place) -> tuple[ExcerptLine, ...]:
    """Return the lines around the place of a finding; none if it is in neither text."""
    texts = {"HTML": content.html, "text": content.text}
    return excerpt(texts.get(place.file, ""), place.line, place.column)


def _sayings(content: MailContent) -> list[Saying]:
    html = content.html
    if not html:
        html = "".join(f"<p>{escape(line)}</p>" for line in content.text.split("\n"))
    return read_aloud(parse_html(html[:_READ_ALOUD]))[:_MOST]


@get("/inbox/{name:str}/frame", sync_to_thread=True)
def mail_frame(
    visit: NamedDependency[Visit], captured: NamedDependency[CapturedMails]
) -> Response[str]:
    content = captured.content(visit.name)
    return captured_frame(content, visit.name, visit.view, visit.renditions.runner)


@get("/inbox/{name:str}/raw", sync_to_thread=True)
def mail_file(name: FromPath[str], captured: NamedDependency[CapturedMails]) -> Response[bytes]:
    return attached(captured.raw(captured.find(name)), name)


@get("/inbox/{name:str}/parts/{number:int}", sync_to_thread=True)
def mail_part(
    name: FromPath[str], number: FromPath[int], captured: NamedDependency[CapturedMails]
) -> Response[bytes]:
    """Return an attachment, always as a file to save, so that it is never a page of the studio."""
    part = captured.content(name).attachment(number)
    return attached(part.content, part.name)


@post("/inbox/{name:str}/delete", sync_to_thread=True)
def delete_mail(name: FromPath[str], captured: NamedDependency[CapturedMails]) -> Redirect:
    captured.delete(with_id(name))
    return redirect("inbox")


HANDLERS = (inbox_page, delete_mails, mail_page, mail_frame, mail_file, mail_part, delete_mail)
