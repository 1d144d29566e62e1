"""The page that takes the code of a mail, for users who read the mail on another device."""

from typing import Literal

import msgspec
from litestar import Controller, post, route
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody

from keyturn.service.api.requests import READ
from keyturn.service.pages.rendering import PageResponse, Visit
from keyturn.service.problems.proofs import CodeRefused
from keyturn.service.problems.requests import InputInvalid


class CodeForm(msgspec.Struct, frozen=True):
    """The submitted form, as typed."""

    email: str = ""
    code: str = ""
    __repr__ = object.__repr__  # a traceback with its variables would show the code


class CodePage(Controller):
    """Take the code of a mail."""

    @route("/", http_method=READ)
    async def show_form(self, visit: NamedDependency[Visit]) -> PageResponse:
        """Show the form, with the address for which this browser has requested a link."""
        earlier = visit.cookies.read_link_request(visit.request)
        return _code_page(visit, earlier.email if earlier else "")

    @post("/")
    async def take_code(
        self, data: URLEncodedBody[CodeForm], visit: NamedDependency[Visit]
    ) -> PageResponse:
        """Exchange the code for a token, keep it like that of a link, and lead to the link's page.

        If the code does not work, show the form again. Raises TooManyRequests.
        """
        earlier = visit.cookies.read_link_request(visit.request)
        return_to = earlier.return_to if earlier else ""
        try:
            token, _ = await visit.codes.exchange(data.email, data.code, visit.client, return_to)
        except InputInvalid as invalid:
            names = [fault.name for fault in invalid.faults]
            if "code" in names:
                return _code_page(visit, data.email, "malformed_code")
            return _code_page(visit, data.email, "malformed_email")
        except CodeRefused:
            return _code_page(visit, data.email, "refused")
        # A user name is not the address of its link.
        email = data.email if "@" in data.email else None
        return visit.keep_link(visit.cookies.link, token, email)


_Mistake = Literal["", "malformed_email", "malformed_code", "refused"]


def _code_page(visit: Visit, email: str, fault: _Mistake = "") -> PageResponse:
    return visit.page("code.html", status=422 if fault else 200, email=email, fault=fault)
