"""The captured mails for programs, above all for end-to-end tests in any language.

Paths and shapes follow Mailpit, so that its clients work (https://mailpit.axllent.org/docs/api-v1/), under `/api` and
`/api/v1`. Keyturn adds waiting, links, codes and a filter by recipient. Errors are problem documents (RFC 9457).

Declined: Mailpit's WebSocket of events: `wait` tells a test the same within its request, and the server brings no
library for WebSockets. Its link check: it requests every link, which uses links up.
"""

from importlib.metadata import version
from typing import Annotated, Any

from litestar import MediaType, Request, Router, delete, get, put
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotAuthorizedException, ValidationException
from litestar.params import RawBody
from msgspec import Meta

from keyturn.emails.inbox.boxes import Boxes
from keyturn.emails.inbox.faults import MOST_FAULTS, SmtpFault, Step
from keyturn.emails.inbox.query import EVERYTHING, UNREAD
from keyturn.emails.inbox.store import CapturedMails
from keyturn.emails.studio.access import HEADERS, programs_only, token_in
from keyturn.emails.studio.api import messages
from keyturn.emails.studio.api.messages import OneMail
from keyturn.emails.studio.api.problems import problem_handlers
from keyturn.emails.studio.api.shapes import MailpitNames, MailQuery, read_body, read_mail_query
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


class Trigger(MailpitNames, frozen=True, kw_only=True):
    """How often a step is refused, in percent, and with which reply."""

    error_code: Annotated[int, Meta(ge=400, le=599)] = 451
    probability: Annotated[int, Meta(ge=0, le=100)] = 0


class Chaos(MailpitNames, frozen=True, kw_only=True):
    """Mailpit's faults, for three of the steps. Other steps succeed."""

    sender: Trigger = Trigger()
    recipient: Trigger = Trigger()
    authentication: Trigger = Trigger()


_STEPS: dict[str, Step] = {"sender": "mail", "recipient": "rcpt", "authentication": "auth"}


@get("/faults", sync_to_thread=False)
def faults(studio: NamedDependency[Studio]) -> list[SmtpFault]:
    return studio.faults.all()


@put("/faults", sync_to_thread=False)
def set_faults(body: RawBody, studio: NamedDependency[Studio]) -> list[SmtpFault]:
    asked = read_body(body, list[SmtpFault])
    if len(asked) > MOST_FAULTS:
        raise ValidationException(detail=f"At most {MOST_FAULTS} faults are allowed.")
    studio.faults.set(*asked)
    return studio.faults.all()


@delete("/faults", status_code=200, media_type=MediaType.TEXT, sync_to_thread=False)
def remove_faults(studio: NamedDependency[Studio]) -> str:
    studio.faults.set()
    return "ok"


@get("/chaos", sync_to_thread=False)
def chaos(studio: NamedDependency[Studio]) -> Chaos:
    refused = {fault.at: fault for fault in reversed(studio.faults.all()) if fault.code}
    return Chaos(
        **{
            name: Trigger(error_code=fault.code, probability=fault.probability)
            for name, step in _STEPS.items()
            if (fault := refused.get(step)) and fault.code
        }
    )


@put("/chaos", sync_to_thread=False)
def set_chaos(body: RawBody, studio: NamedDependency[Studio]) -> Chaos:
    """Do as Mailpit does; this also removes the faults of other steps."""
    asked = read_body(body, Chaos)
    triggers = {step: getattr(asked, name) for name, step in _STEPS.items()}
    studio.faults.set(
        *(
            SmtpFault(at=step, code=trigger.error_code, probability=trigger.probability)
            for step, trigger in triggers.items()
            if trigger.probability
        )
    )
    return asked


@get("/certificate", media_type="application/x-pem-file", sync_to_thread=False)
def certificate(studio: NamedDependency[Studio]) -> str:
    """Return the certificate of the SMTP server, for clients that are to trust it."""
    if not studio.certificate:
        raise LookupError("The SMTP server has no TLS: start it with --starttls or --smtps.")
    return studio.certificate


HANDLERS = (certificate, info, tags, faults, set_faults, remove_faults, chaos, set_chaos)
_PATHS = "/api", "/api/v1"


def inbox_api(studio: Studio, captured: CapturedMails, path: str = "/") -> Router:
    def one_mail(asked: NamedDependency[MailQuery], captured: NamedDependency[CapturedMails]) -> OneMail:
        return OneMail(studio, captured, asked)

    def of_key(request: Request[Any, Any, Any]) -> CapturedMails:
        found = boxes.of_key(key := token_in(request))
        # A mistyped key must not open another inbox. With a token, the guard has refused it.
        if found is None and key and boxes.named and not studio.token:
            raise NotAuthorizedException(detail="No inbox has this key.")
        return found or captured

    boxes = studio.inboxes or Boxes(captured)
    checks = CapturedChecks(studio.clients)
    handlers = (*messages.HANDLERS, *HANDLERS)
    return Router(
        path,
        route_handlers=[*(Router(each, route_handlers=handlers) for each in _PATHS), messages.view_page, alive],
        dependencies={
            "studio": Provide(lambda: studio, sync_to_thread=False),
            "captured": Provide(of_key, sync_to_thread=False),
            "captured_checks": Provide(lambda: checks, sync_to_thread=False),
            "asked": Provide(read_mail_query, sync_to_thread=False),
            "one_mail": Provide(one_mail, sync_to_thread=False),
        },
        guards=[programs_only(studio.host, studio.token, lambda key: boxes.of_key(key) is not None)],
        exception_handlers=problem_handlers("The inbox"),
        cache_control=CacheControlHeader(no_store=True),
        response_headers=HEADERS,
        include_in_schema=False,
    )
