"""The list of rooms: each brings its routes, its pages and its check for the doctor, as far as it is on."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from litestar import Router

from keyturn.mail.port.finding import Finding
from keyturn.service.api import resets, sessions
from keyturn.service.inviting import routes as inviting
from keyturn.service.pages import forgot, reset, security_settings, sign_in
from keyturn.service.pages.rendering import Pages
from keyturn.service.parts import Parts
from keyturn.service.reset.passwords import breaches
from keyturn.service.reset.proofs import challenge
from keyturn.service.reset.proofs import web as proofs
from keyturn.service.securing import pages as securing_pages
from keyturn.service.securing import routes as securing
from keyturn.service.settings import Settings

ROUTES: Sequence[Callable[[Parts], Iterator[Router]]] = (
    resets.routes,
    proofs.routes,
    securing.routes,
    inviting.routes,
    sessions.routes,
)

PAGES: Sequence[Callable[[Pages], Iterator[Router]]] = (
    forgot.pages_of,
    proofs.pages_of,
    reset.pages_of,
    securing_pages.pages_of,
    sign_in.pages_of,
    security_settings.pages_of,
)

CHECKS: Mapping[str, Callable[[Settings], Awaitable[Sequence[Finding]]]] = {
    "breaches": breaches.check,
    "challenge": challenge.check,
}
"""What the doctor asks, in its order."""
