"""The addresses of the studio's pages."""

from urllib.parse import quote

from litestar.response import Redirect

from keyturn.studio.web.studio import PATH
from keyturn.studio.web.view import View


def url(*parts: str, view: View | str | None = None) -> str:
    """Return the address of a page.

    `parts`: the steps of its path below the studio's. `view`: its query.
    """
    path = "/".join((PATH, *map(quote, parts)))
    return f"{path}{view or ''}"


def redirect(*parts: str, view: View | str | None = None) -> Redirect:
    """Lead to a page, which the browser asks for with GET (RFC 9110, 15.4.4)."""
    return Redirect(url(*parts, view=view), status_code=303)
