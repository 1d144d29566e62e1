"""The list of rooms: each brings its routes and its pages, as far as it is on."""

from collections.abc import Callable, Iterator, Sequence

from litestar import Router

from keyturn.service.api import resets, sessions
from keyturn.service.inviting import routes as inviting
from keyturn.service.pages import forgot, reset, security_settings, sign_in
from keyturn.service.pages.rendering import Pages
from keyturn.service.parts import Parts
from keyturn.service.reset.proofs import web as proofs
from keyturn.service.securing import pages as securing_pages
from keyturn.service.securing import routes as securing

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
