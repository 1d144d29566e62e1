"""Where somebody types the code from a mail that is read on another device."""

from typing import Any, Literal

import msgspec
from litestar import HttpMethod, Response, post, route
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import URLEncodedBody

from keyturn.api.requests import AnyRequest, client_of
from keyturn.pages.rendering import Pages
from keyturn.problems.proofs import CodeRefused
from keyturn.problems.requests import InputInvalid
from keyturn.reset.proofs.code_exchange import CodeExchange

Fault = Literal["", "malformed_email", "malformed_code", "refused"]


class CodeForm(msgspec.Struct, frozen=True):
    """What the form sends, as it was typed."""

    email: str = ""
    code: str = ""


@route("/code", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def show_code_form(request: AnyRequest, pages: NamedDependency[Pages]) -> Response[Any]:
    """Show the form, with the address that this browser asked for.

    Raises NotFoundException where mails have no code.
    """
    _require_codes(pages)
    asked = pages.cookies.read_link_request(request.cookies)
    return _code_page(pages, request, asked.email if asked else "", "")


@post("/code")
async def take_code(
    request: AnyRequest, data: URLEncodedBody[CodeForm], pages: NamedDependency[Pages]
) -> Response[Any]:
    """Keep the token in a cookie, as that of a link, and lead to the form for a new password; else say what is wrong.

    Raises TooManyRequests, and NotFoundException where mails have no code.
    """
    try:
        issued = await _require_codes(pages).exchange(data.email, data.code, client_of(request))
    except InputInvalid as invalid:
        is_code = any(fault.name == "code" for fault in invalid.faults)
        return _code_page(pages, request, data.email, "malformed_code" if is_code else "malformed_email", status=422)
    except CodeRefused:
        return _code_page(pages, request, data.email, "refused", status=422)
    return pages.redirect(pages.site.url(pages.site.paths.reset), pages.cookies.set_link(issued.token, data.email))


def _require_codes(pages: Pages) -> CodeExchange:
    if pages.site.codes is None:
        raise NotFoundException
    return pages.site.codes


def _code_page(pages: Pages, request: AnyRequest, email: str, fault: Fault, *, status: int = 200) -> Response[Any]:
    return pages.page(request, "code.html", status=status, email=email, fault=fault)
