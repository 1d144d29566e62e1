"""The hosted pages: requesting a link, choosing a new password, signing in, the card in the security settings.

The service also serves keyturn.js for the pages of other sites, and the page of the API's reference.

**Mounted from the settings.** `settings/paths.py` turns the URLs into paths once, and `rooms.py` has the table of
pages. Each stands in a router that knows its own path and where its refusals lead. A theme is brand, palette and
languages, one for each kind of account that differs. A page chooses the theme once the account is known.

**After every POST a page redirects.** A cookie holds "Check your email" with the time of the request. So the server can
show the seconds without a script, and a reload requests nothing.

**Custom templates replace the packaged ones** (`rendering.py`), as in mails. Every state is rendered at the start, so
the operator learns of a mistake before a user does. A later mistake is logged, and the packaged page is the answer.

**A brand brings files** that are served from here, so a custom look needs no inline code and no foreign host.

**Litestar's signed double submit is the only CSRF protection**: under `no-referrer` a browser sends `Origin: null` with
its own forms. Headers are set on each response and not by a middleware, since a refusal bypasses the send wrappers of
outer middlewares.

**keyturn.js is written as modules and served as one file**, so one URL is one version; a bundler would bring Node. Its
words come from the API, so only the catalogues hold them. A waiting button is `aria-disabled`, since `disabled` would
take the focus away.

Declined: Lit, Stencil and other makers of custom elements, for three forms and nothing to build. Swagger UI, ReDoc and
Scalar: each fetches megabytes of script from elsewhere or needs inline code, and the reference is one Jinja template
over the same schema.
"""
