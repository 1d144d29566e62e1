"""The page by which an account's owner reports an intrusion ("this was not me")."""

from litestar import Controller, post, route
from litestar.di import NamedDependency
from litestar.params import FromPath

from keyturn.service.api.requests import READ
from keyturn.service.pages.cookies import Flash
from keyturn.service.pages.rendering import PageResponse, Visit
from keyturn.service.reset.records.links import facts_of


class AccountSecurityPage(Controller):
    """Ask whether to secure the account, and do so."""

    @route("/{token:str}", http_method=READ)
    async def take_from_path(
        self, token: FromPath[str], visit: NamedDependency[Visit]
    ) -> PageResponse:
        """Take a link with its token at the end of the path."""
        return visit.take_link(visit.cookies.proof, token)

    @route("/", http_method=READ)
    async def show(self, visit: NamedDependency[Visit]) -> PageResponse:
        """Ask for confirmation. Raises SecurityLinkDead, TooManyRequests."""
        flash = visit.cookies.read_flash(visit.request)
        # Another link was opened in this browser since.
        is_other = bool(visit.cookies.proof.read(visit.request))
        if flash and flash.said == "account_secured" and not is_other:
            return visit.page("account_secured.html")
        securing = visit.container.securing
        token, _ = visit.cookies.proof.read_texts(visit.request, 2)
        link = await securing.check(token, visit.client)
        return visit.page(
            "secure_account.html", email=facts_of(link).email, locks=await securing.will_lock(link)
        )

    @post("/")
    async def secure(self, visit: NamedDependency[Visit]) -> PageResponse:
        """Secure the account, once. Raises SecurityLinkDead, TooManyRequests."""
        path = visit.site.paths.secure_account
        token, _ = visit.cookies.proof.read_texts(visit.request, 2)
        await visit.container.securing.secure(token, visit.client)
        done = visit.cookies.set_flash(Flash("account_secured"), path)
        return visit.redirect(visit.site.url(path), visit.cookies.proof.expire(), done)
