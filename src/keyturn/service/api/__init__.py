"""The JSON API. A handler reads a request into a schema, calls a service, and writes its result.

In an app with the plugin, a Litestar application of Keyturn's own answers these routes. The app's
guard for signed-in users would lock out users who cannot sign in, and its error handlers would
rewrite answers that frontends rely on.

Only answers of 500 and above carry `X-Request-ID`. A random header on the others would break the
promise that the answers for known and unknown addresses are equal to the byte.

Declined: Litestar's rate-limit middleware, whose counts are not atomic across processes. Its
session middleware, since a session must end in the transaction that changes the password.
"""
