"""The hosted pages: asking for a link, choosing a new password, signing in, the card in the security settings."""

from keyturn.pages.router import pages_router
from keyturn.pages.site import Site

__all__ = ["Site", "pages_router"]
