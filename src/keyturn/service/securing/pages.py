"""The page "This was not me"."""

from litestar import post

from keyturn.service.api.requests import reading
from keyturn.service.pages.cookies import Flash
from keyturn.service.pages.rendering import Answer, GivenVisit


@reading()
async def show(visit: GivenVisit) -> Answer:
    """Ask for confirmation. Raises SecurityLinkDead, TooManyRequests."""
    flash = visit.cookies.read_flash(visit.request)
    is_other = bool(visit.cookies.proof.read(visit.request))  # another link was opened here since
    if flash and flash.said == "account_secured" and not is_other:
        return visit.page("account_secured.html")
    securing, (token, _) = visit.parts.securing, visit.cookies.proof.held(visit.request, 2)
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
