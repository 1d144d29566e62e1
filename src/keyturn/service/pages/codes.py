"""The page of the code in a mail, for users who read the mail on one device and continue on
another.
"""

from typing import Literal

import msgspec
from litestar import Controller, post, route
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody

from keyturn.service.api.requests import READ
from keyturn.service.pages.rendering import Answer, Visit
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
    async def show_form(self, visit: NamedDependency[Visit]) -> Answer:
        """Show the form, with the address that this browser requested a link for."""
        earlier = visit.cookies.read_link_request(visit.request)
        return _code_page(visit, earlier.email if earlier else "")

    @post("/")
    async def take_code(
        self, data: URLEncodedBody[CodeForm], visit: NamedDependency[Visit]
    ) -> Answer:
        """Keep the token in a cookie, as that of a link, and show its form; else the mistake.

        Raises TooManyRequests.
        """
        earlier = visit.cookies.read_link_request(visit.request)
        return_to = earlier.return_to if earlier else ""
        try:
            token, _ = await visit.codes.exchange(data.email, data.code, visit.client, return_to)
        except InputInvalid as invalid:
            is_code = any(fault.name == "code" for fault in invalid.faults)
            return _code_page(visit, data.email, "malformed_code" if is_code else "malformed_email")
        except CodeRefused:
            return _code_page(visit, data.email, "refused")
        email = (
            data.email if "@" in data.email else None
        )  # a user name is not the address of its link
        return visit.keep_link(visit.cookies.link, token, email)


_Mistake = Literal["", "malformed_email", "malformed_code", "refused"]


def _code_page(visit: Visit, email: str, fault: _Mistake = "") -> Answer:
    return visit.page("code.html", status=422 if fault else 200, email=email, fault=fault)
