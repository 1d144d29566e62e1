"""The page for the code that stands beside the link in the mail, below the page that asks for a link."""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from litestar import Response, Router, post
from litestar.exceptions import NotFoundException
from litestar.params import URLEncodedBody

from keyturn.service.api.requests import AnyRequest, client_of
from keyturn.service.pages.opening import keep_link
from keyturn.service.pages.reading import page_at, reading
from keyturn.service.pages.rendering import GivenPages, Pages
from keyturn.service.problems.proofs import CodeRefused
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.reset.proofs.codes import MailedCodes


class CodeForm(msgspec.Struct, frozen=True):
    """The submitted form, as typed."""

    email: str = ""
    code: str = ""


@reading("/code")
async def show_code_form(request: AnyRequest, pages: GivenPages) -> Response[Any]:
    """Show the form, with the address that this browser requested a link for.

    Raises NotFoundException if mails hold no code.
    """
    _require_codes(pages)
    asked = pages.cookies.read_link_request(request)
    return _code_page(pages, request, asked.email if asked else "")


@post("/code")
async def take_code(request: AnyRequest, data: URLEncodedBody[CodeForm], pages: GivenPages) -> Response[Any]:
    """Keep the token in a cookie, as that of a link, and lead to the form for a new password; else show the mistake.

    Raises TooManyRequests, and NotFoundException if mails hold no code.
    """
    asked = pages.cookies.read_link_request(request)
    return_to = asked.return_to if asked else ""
    try:
        token, _ = await _require_codes(pages).exchange(data.email, data.code, client_of(request), return_to)
    except InputInvalid as invalid:
        is_code = any(fault.name == "code" for fault in invalid.faults)
        return _code_page(pages, request, data.email, "malformed_code" if is_code else "malformed_email")
    except CodeRefused:
        return _code_page(pages, request, data.email, "refused")
    email = data.email if "@" in data.email else None  # a user name is not the address of its link
    return keep_link(pages, pages.cookies.link, token, email)


def _require_codes(pages: Pages) -> MailedCodes:
    if pages.parts.codes is None:
        raise NotFoundException
    return pages.parts.codes


Fault = Literal["", "malformed_email", "malformed_code", "refused"]


def _code_page(pages: Pages, request: AnyRequest, email: str, fault: Fault = "") -> Response[Any]:
    return pages.page(request, "code.html", status=422 if fault else 200, email=email, fault=fault)


def pages_of(pages: Pages) -> Iterator[Router]:
    if path := pages.site.paths.forgot:
        yield page_at(path, show_code_form, take_code)
