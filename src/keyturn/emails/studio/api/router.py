"""The API put together, under the paths that Mailpit's clients know."""

from litestar import Router
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency, Provide

from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.studio.access.headers import HEADERS
from keyturn.emails.studio.api import faults, info, message, messages, problems, send
from keyturn.emails.studio.api.asked import Asked, read_asked
from keyturn.emails.studio.api.callers import programs_only
from keyturn.emails.studio.api.message import OneMail
from keyturn.emails.studio.checks.captured_checks import CapturedChecks
from keyturn.emails.studio.studio import Studio

_PATHS = "/api", "/api/v1"


def inbox_api(studio: Studio, captured: CapturedMails, path: str = "/") -> Router:
    """Return the API over the captured mails of a studio, below `path`."""

    def one_mail(asked: NamedDependency[Asked]) -> OneMail:
        return OneMail(studio, captured, asked)

    checks = CapturedChecks(studio.clients)
    handlers = (*messages.HANDLERS, *message.HANDLERS, *send.HANDLERS, *faults.HANDLERS, *info.HANDLERS)
    return Router(
        path,
        route_handlers=[*(Router(each, route_handlers=handlers) for each in _PATHS), message.view_page, info.alive],
        dependencies={
            "studio": Provide(lambda: studio, sync_to_thread=False),
            "captured": Provide(lambda: captured, sync_to_thread=False),
            "captured_checks": Provide(lambda: checks, sync_to_thread=False),
            "asked": Provide(read_asked, sync_to_thread=False),
            "one_mail": Provide(one_mail, sync_to_thread=False),
        },
        guards=[programs_only(studio.host, studio.token)],
        exception_handlers=problems.HANDLERS,
        cache_control=CacheControlHeader(no_store=True),
        response_headers=HEADERS,
        include_in_schema=False,
    )
