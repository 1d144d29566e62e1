"""The route for reports of unwanted changes."""

from litestar import Response
from litestar.params import JSONBody

from keyturn.service.api.json_routes import takes
from keyturn.service.api.requests import GivenCall
from keyturn.service.api.schemas import Done, LinkToken, Schema
from keyturn.service.problems.problem import N_
from keyturn.service.problems.proofs import SecurityLinkDead
from keyturn.service.problems.requests import TooManyRequests


class SecurityToken(Schema, frozen=True, kw_only=True):
    """Says, with the token of a link in a mail, that something was not its reader."""

    token: LinkToken


@takes("/secure-account", kind="secure", problems=(SecurityLinkDead, TooManyRequests))
async def secure_account(data: JSONBody[SecurityToken], call: GivenCall) -> Response[Done]:
    """Report an unwanted password change.

    Takes the token from the mail that confirmed the change. Ends all sessions, and the links that were sent to that
    mailbox. If the account still has that address, Keyturn mails it a link, and locks the account if the settings say
    so. Otherwise both addresses get a mail, and an operator decides. Works once: a repeat of the same client gets the
    same answer.
    """
    await call.parts.securing.secure(data.token, call.client)
    text = N_("We’re sending the next step to the address where you got our email.")
    return call.done(text)
