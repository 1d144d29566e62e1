"""The hosted pages: asking for a link, choosing a new password, signing in, the card in the security settings.

Besides them, what is served to browsers: keyturn.js for other people's pages, and the page of the API's reference.

**Mounted from the settings.** `settings/paths.py` turns the URLs into paths once; each controller stands in a router
that knows its own path and where its refusals lead. A theme is brand, palette and languages, one for each kind of
account that differs; a page chooses it once it is known whose it is.

**After every POST a page redirects.** "Check your email" lives in a cookie with the time of asking, so the server can
show the seconds without a script, and a reload asks for nothing.

**One's own templates stand over ours** (`page_templates.py`), as those of mails do. Every state is drawn at the start,
so a mistake is the operator's and not the person's; one that shows later is logged, and ours is the answer.

**A brand brings files** that are served from here: for a look of one's own, nothing inline and no foreign host.

**CSRF is Litestar's signed double submit alone**: under `no-referrer` a browser sends `Origin: null` with its own
forms. Headers are set on each response and not by a middleware, since a refusal bypasses the send wrappers of outer
ones.

**keyturn.js is written as modules and served as one file**, so one URL is one version; a bundler would bring Node.
Its words come from the API, so the catalogues stay the only place for them. A button that waits is `aria-disabled`,
since `disabled` would take the focus away.

Declined: Lit, Stencil and other makers of custom elements, for three forms and nothing to build. Swagger UI, ReDoc
and Scalar: each fetches megabytes of script from elsewhere or needs inline code, and the reference is one Jinja
template over the same schema.
"""

from keyturn.pages.router import pages_router
from keyturn.pages.site import Site

__all__ = ["Site", "pages_router"]
