"""The hosted pages, keyturn.js for the pages of other sites, and the page of the API's reference.

A page redirects after a successful POST, so a reload sends nothing again. A cookie tells the next
page what to say. Litestar's signed double submit is the only CSRF protection, since under
`no-referrer` a browser sends `Origin: null` with its own forms. The headers are set on each
response, since an error page bypasses the send wrappers of outer middleware.

Declined: libraries for custom elements, since there are only three forms, and nothing is built.
Swagger UI, ReDoc and Scalar: each fetches megabytes of script from elsewhere, or needs inline code.
"""
