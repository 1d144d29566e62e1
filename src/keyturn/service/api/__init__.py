"""The JSON API: its requests, the parts that do the work, its answers.

Handlers decide nothing. They read a request into a schema, call one method of `reset`, and write its result.
`problems` writes the errors that it raises as RFC 9457 documents, from their classes (`keyturn.service.problems`).

**One value, one dependency.** A handler gets a `Call`, the request with `Parts`, and not one part after the other:
Litestar resolves several dependencies in a task group, which costs as much as the rest of the request.

**An application of their own answers these routes in an app with the plugin** (`plugin.py`), and only the app's
middleware is around it. The app's guard for signed-in users would lock out users who cannot sign in, and its error
handlers would rewrite answers that frontends rely on.

**Problem types are URNs** (`urn:keyturn:problem:link-dead`): stable names that promise no page.

**Failed requests show their id** (`request_id`). Only answers of 500 and above carry `X-Request-ID`: a random header on
the others would break the byte-identical answers for known and unknown addresses. Logs, outbox, audit, mail and traces
always carry the id. An incoming X-Request-ID is ignored.

**`/metrics` answers the bearer of its token, and without a token no client** (OWASP ASVS 13.4.5).

Declined: Litestar's rate-limit middleware, which reads and writes without atomicity across processes and leaves the
path out of its key, while `limits` does both. Its session middleware: a session must end with the transaction that
changes the password.
"""
