"""The hosted pages, keyturn.js for the pages of other sites, and the page of the API's reference.

A page redirects after every POST, so a reload requests nothing; cookies hold what the next page
says. Litestar's signed double submit is the only CSRF protection: under `no-referrer` a browser
sends `Origin: null` with its own forms. Headers are set on each response, since a refusal bypasses
the send wrappers of outer middlewares.
Declined: makers of custom elements, for three forms and nothing to build. Swagger UI, ReDoc and
Scalar: each fetches megabytes of script from elsewhere or needs inline code.
"""
