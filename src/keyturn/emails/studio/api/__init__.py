"""The captured mails for programs, above all for end-to-end tests in any language.

Paths and shapes follow Mailpit, so that its clients work (https://mailpit.axllent.org/docs/api-v1/), under `/api` and
`/api/v1`. Keyturn adds waiting, links, codes and a filter by recipient. Errors are problem documents (RFC 9457).

Declined: Mailpit's WebSocket of events: `wait` tells a test the same within its request, and the server brings no
library for WebSockets. Its link check: it requests every link, which uses links up.
"""

from importlib.metadata import version

from litestar import MediaType, Router, get
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency, Provide

from keyturn.emails.inbox.query import EVERYTHING, UNREAD
from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.studio.access import HEADERS, programs_only
from keyturn.emails.studio.api import messages
from keyturn.emails.studio.api.messages import OneMail
from keyturn.emails.studio.api.problems import problem_handlers
from keyturn.emails.studio.api.shapes import MailpitNames, MailQuery, read_mail_query
from keyturn.emails.studio.checks.captured_checks import CapturedChecks
from keyturn.emails.studio.studio import Studio


class Info(MailpitNames, frozen=True, kw_only=True):
    version: str
    messages: int
    unread: int
    tags: dict[str, int]


@get("/info", sync_to_thread=True)
def info(captured: NamedDependency[CapturedMails]) -> Info:
    return Info(
        version=version("keyturn"),
        messages=captured.count(EVERYTHING),
        unread=captured.count(UNREAD),
        tags=captured.tags(),
    )


@get("/tags", sync_to_thread=True)
def tags(captured: NamedDependency[CapturedMails]) -> list[str]:
    return list(captured.tags())


@get(["/livez", "/readyz"], media_type=MediaType.TEXT, sync_to_thread=False)
def alive() -> str:
    return "ok"


@get("/certificate", media_type="application/x-pem-file", sync_to_thread=False)
def certificate(studio: NamedDependency[Studio]) -> str:
    """Return the certificate of the SMTP server, for clients that are to trust it."""
    if not studio.certificate:
        raise LookupError("The SMTP server has no TLS: start it with --starttls or --smtps.")
    return studio.certificate


HANDLERS = (certificate, info, tags)
_PATHS = "/api", "/api/v1"


def inbox_api(studio: Studio, captured: CapturedMails, path: str = "/") -> Router:
    def one_mail(asked: NamedDependency[MailQuery], captured: NamedDependency[CapturedMails]) -> OneMail:
        return OneMail(studio, captured, asked)

    checks = CapturedChecks(studio.clients)
    handlers = (*messages.HANDLERS, *HANDLERS)
    return Router(
        path,
        route_handlers=[*(Router(each, route_handlers=handlers) for each in _PATHS), messages.view_page, alive],
        dependencies={
            "studio": Provide(lambda: studio, sync_to_thread=False),
            "captured": Provide(lambda: captured, sync_to_thread=False),
            "captured_checks": Provide(lambda: checks, sync_to_thread=False),
            "asked": Provide(read_mail_query, sync_to_thread=False),
            "one_mail": Provide(one_mail, sync_to_thread=False),
        },
        guards=[programs_only(studio.host, studio.token)],
        exception_handlers=problem_handlers("The inbox"),
        cache_control=CacheControlHeader(no_store=True),
        response_headers=HEADERS,
        include_in_schema=False,
    )
