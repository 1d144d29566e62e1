"""The route and the page of reports that a change was unwanted."""

from collections.abc import Iterator

from litestar import Response, Router, post
from litestar.params import JSONBody

from keyturn.service.api.json_routes import takes
from keyturn.service.api.requests import GivenCall, reading
from keyturn.service.api.schemas import Done, LinkToken, Schema
from keyturn.service.pages.cookies import Flash
from keyturn.service.pages.rendering import Answer, GivenVisit, Pages, page_at, taking_link
from keyturn.service.problems.problem import N_
from keyturn.service.problems.proofs import SecurityLinkDead
from keyturn.service.problems.requests import TooManyRequests
from keyturn.service.securing.securing import AccountSecuring


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


@reading()
async def show_page(visit: GivenVisit) -> Answer:
    """Ask for confirmation. Raises SecurityLinkDead, TooManyRequests."""
    flash = visit.cookies.read_flash(visit.request)
    is_other = bool(visit.cookies.proof.read(visit.request))  # another link was opened here since
    if flash and flash.said == "account_secured" and not is_other:
        return visit.page("account_secured.html")
    securing: AccountSecuring = visit.parts.securing
    token, _ = visit.cookies.proof.held(visit.request, 2)
    link = await securing.check(token, visit.client)
    return visit.page("secure_account.html", email=link.facts.email, locks=await securing.will_lock(link))


@post()
async def secure(visit: GivenVisit) -> Answer:
    """Secure the account, once. Raises SecurityLinkDead, TooManyRequests."""
    path, cookies = visit.site.paths.secure, visit.cookies
    token, _ = cookies.proof.held(visit.request, 2)
    await visit.parts.securing.secure(token, visit.client)
    done = cookies.set_flash(Flash("account_secured"), path)
    return visit.redirect(visit.site.url(path), cookies.proof.expire(), done)


def pages(shared: Pages) -> Iterator[Router]:
    if path := shared.site.paths.secure:
        yield page_at(path, taking_link(shared.cookies.proof), show_page, secure, back=shared.site.paths.forgot)
