"""The routes and pages of proofs: what a form needs for a challenge, the code beside a link, and the second step."""

from datetime import datetime
from typing import Annotated, Any, Literal, cast, get_args

import msgspec
from litestar import post
from litestar.params import JSONBody, URLEncodedBody
from msgspec import UNSET, Meta, UnsetType

from keyturn.service.api.json_routes import shows, takes
from keyturn.service.api.requests import GivenCall, mounted, reading
from keyturn.service.api.schemas import Identifier, Schema
from keyturn.service.pages.rendering import Answer, GivenVisit, Visit
from keyturn.service.problems.proofs import Challenge, CodeMethod, CodeRefused, SecondStepRejected, SecondStepRequired
from keyturn.service.problems.requests import InputInvalid, TooManyRequests
from keyturn.service.reset.ground import SecondStepCode


class OfferedChallenge(Challenge, frozen=True, kw_only=True):
    """A challenge to answer; of ALTCHA it is a fresh puzzle, too."""

    parameters: dict[str, Any] | UnsetType = UNSET
    signature: str | UnsetType = UNSET


class CodeCheck(Schema, frozen=True, kw_only=True):
    """Gives the code of a mail for a token."""

    email: Identifier
    code: Annotated[str, Meta(max_length=64, description="the eight digits in the mail", examples=["40718263"])]


class Token(Schema, frozen=True, kw_only=True):
    """A token as one in a link, and until when it works."""

    token: str
    expires_at: datetime


@shows("/challenge", problems=(TooManyRequests,))
async def get_challenge(call: GivenCall) -> OfferedChallenge:
    """Get the challenge for a reset request.

    Every reset request needs an answer, which is accepted once. For ALTCHA, this contains a new puzzle for its widget.
    """
    challenge = mounted(call.parts.challenge)
    puzzle, about = await challenge.issue(call.client), msgspec.structs.asdict(challenge.widget)
    return OfferedChallenge(**about, **puzzle)


@takes("/verify-reset-code", kind="code", problems=(CodeRefused, TooManyRequests))
async def verify_reset_code(data: JSONBody[CodeCheck], call: GivenCall) -> Token:
    """Exchange a code for a token.

    The code is in the mail beside the link. The token works like a link's token, once. The answer is the same for a
    wrong code, an expired code and an address without an account.
    """
    token, link = await mounted(call.parts.codes).exchange(data.email, data.code, call.client)
    return Token(token=token, expires_at=link.expires_at)


# The page for the code, below the page that asks for a link


class CodeForm(msgspec.Struct, frozen=True):
    """The submitted form, as typed."""

    email: str = ""
    code: str = ""


@reading("/code")
async def show_code_form(visit: GivenVisit) -> Answer:
    """Show the form, with the address that this browser requested a link for."""
    earlier = visit.cookies.read_link_request(visit.request)
    return _code_page(visit, earlier.email if earlier else "")


@post("/code")
async def take_code(data: URLEncodedBody[CodeForm], visit: GivenVisit) -> Answer:
    """Keep the token in a cookie, as that of a link, and show its form; else the mistake. Raises TooManyRequests."""
    earlier = visit.cookies.read_link_request(visit.request)
    return_to = earlier.return_to if earlier else ""
    try:
        token, _ = await mounted(visit.parts.codes).exchange(data.email, data.code, visit.client, return_to)
    except InputInvalid as invalid:
        is_code = any(fault.name == "code" for fault in invalid.faults)
        return _code_page(visit, data.email, "malformed_code" if is_code else "malformed_email")
    except CodeRefused:
        return _code_page(visit, data.email, "refused")
    email = data.email if "@" in data.email else None  # a user name is not the address of its link
    return visit.keep_link(visit.cookies.link, token, email)


Fault = Literal["", "malformed_email", "malformed_code", "refused"]


def _code_page(visit: Visit, email: str, fault: Fault = "") -> Answer:
    return visit.page("code.html", status=422 if fault else 200, email=email, fault=fault)


# The second step on a form


_LONGEST_CODE = 64


class StepForm(msgspec.Struct, frozen=True):
    method: str = ""
    code: str = ""

    @property
    def answer(self) -> SecondStepCode | None:
        """The answer to the second step. A code that is too long is cut, and stays wrong."""
        if self.method not in get_args(CodeMethod):
            return None
        return SecondStepCode(method=cast("CodeMethod", self.method), code=self.code[:_LONGEST_CODE])


class ShownStep(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of the last try: the code was empty, or wrong with some tries left, or one was sent to a phone."""

    method: str = ""
    missing: bool = False
    tries_left: int | None = None
    sent: bool = False

    @property
    def failed(self) -> bool:
        return self.missing or self.tries_left is not None


def shown_step(method: str, asked: SecondStepRequired | SecondStepRejected) -> ShownStep:
    if isinstance(asked, SecondStepRejected):
        return ShownStep(method=method, tries_left=asked.tries_left)
    return ShownStep(method=method, sent=bool(asked.sent), missing=not asked.sent)
